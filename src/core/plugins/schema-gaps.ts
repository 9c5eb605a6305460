// Where one JSON Schema lets through what another one refuses. It looks at schemas, never at values, and a keyword that can't be
// weighed counts only when it has changed.
import type { Json } from "../../wire/json.ts";
import {
  asList,
  asObject,
  formsOf,
  isObject,
  valuesOf,
  weightOf,
  type Budget,
  type Form,
} from "./schema-forms.ts";
import { tightened, type Wording } from "./schema-keywords.ts";

export interface Gap {
  /** JSON pointer of the part; empty for the whole, `*` stands for every element or other member. */
  path: string;
  message: string;
}

/** Steps for all the schemas of two versions together. */
export function schemaBudget(): Budget {
  return { left: maxSteps };
}

export interface GapsOptions {
  /** Describes the values that come. */
  given: Json;
  /** Describes the values that are taken. */
  accepted: Json;
  /** Whose change it is: a new input takes less (`accepted` is the new one), or a new output gives other things (`given` is). */
  side: Wording;
  /** Taken from; without any left there are no gaps, since nobody knows. */
  budget: Budget;
}

const maxSteps = 20_000;
const maxStepsOfOne = 4000;
const maxDepth = 50;

export function schemaGaps({ given, accepted, side, budget }: GapsOptions): Gap[] {
  const own = { left: Math.min(maxStepsOfOne, budget.left) };
  const before = own.left;
  const gaps =
    own.left < 0 ? [] : new Comparison({ given, accepted, side, budget: own }).gaps(given, accepted, "");
  budget.left -= before - own.left;
  return own.left < 0 ? [] : gaps;
}

class Comparison {
  readonly #given: Json;
  readonly #accepted: Json;
  readonly #side: Wording;
  /** Pairs under way: a recursive schema fits when nothing on the way round speaks against it. */
  readonly #open = new Map<Json, Set<Json>>();
  readonly #budget: Budget;
  #depth = 0;

  constructor({ given, accepted, side, budget }: GapsOptions) {
    this.#given = given;
    this.#accepted = accepted;
    this.#side = side;
    this.#budget = budget;
  }

  gaps(given: Json, accepted: Json, path: string): Gap[] {
    const partners = this.#open.get(given) ?? new Set();
    if (accepted === true || partners.has(accepted)) return [];
    if (this.#budget.left < 0 || this.#depth > maxDepth) return [];
    this.#open.set(given, partners.add(accepted));
    this.#depth += 1;
    const forms = formsOf(accepted, this.#accepted, this.#budget);
    const found = formsOf(given, this.#given, this.#budget).flatMap((form) => this.#best(form, forms, path));
    this.#depth -= 1;
    partners.delete(accepted);
    return unique(found);
  }

  /** None if one of the forms takes it; otherwise what the nearest one has against it. */
  #best(given: Form, accepted: readonly Form[], path: string): Gap[] {
    let best: Gap[] | undefined;
    for (const form of accepted) {
      const gaps = this.#formGaps(given, form, path);
      if (gaps.length === 0) return [];
      if (best === undefined || nearer(gaps, best)) best = gaps;
    }
    const taken =
      this.#side === "input" ? "nothing is taken any more" : "it is given now, and was not before";
    return best ?? [{ path, message: taken }];
  }

  #formGaps(given: Form, accepted: Form, path: string): Gap[] {
    this.#budget.left -= 1 + weightOf(given) + weightOf(accepted);
    if (this.#budget.left < 0) return [];
    const flaws = tightened(given, accepted, this.#side);
    // Of another type altogether: what is inside says nothing.
    if (flaws.some(({ fatal }) => fatal)) return flaws.slice(0, 1).map(({ message }) => ({ path, message }));
    return [
      ...flaws.map(({ message }) => ({ path, message })),
      ...this.#elementGaps(given, accepted, path),
      ...this.#memberGaps(given, accepted, path),
    ];
  }

  #elementGaps(given: Form, accepted: Form, path: string): Gap[] {
    const first = asList(given["prefixItems"]);
    const taken = asList(accepted["prefixItems"]);
    const rest = accepted["items"] ?? true;
    const gaps = Array.from({ length: Math.max(first.length, taken.length) }, (_, at) =>
      this.gaps(first[at] ?? given["items"] ?? true, taken[at] ?? rest, `${path}/${at}`),
    ).flat();
    if (rest === true || given["items"] === false) return gaps;
    return [...gaps, ...this.gaps(given["items"] ?? true, rest, `${path}/*`)];
  }

  #memberGaps(given: Form, accepted: Form, path: string): Gap[] {
    if (valuesOf(given) !== undefined) return [];
    const comes = asObject(given["properties"]);
    const taken = asObject(accepted["properties"]);
    const others = accepted["additionalProperties"] ?? true;
    const sure = asList(given["required"]);
    const missing = asList(accepted["required"])
      .filter((name) => !sure.includes(name))
      .map((name) => ({ path: `${path}/${name as string}`, message: this.#lacks(String(name)) }));
    const members = Object.entries(comes).flatMap(([name, schema]): Gap[] => {
      const place = `${path}/${name}`;
      if (Object.hasOwn(taken, name)) return this.gaps(schema, taken[name] ?? true, place);
      if (isObject(others)) return this.gaps(schema, others, place);
      // That an output has more than before is nobody's loss.
      if (others === true || this.#side === "output") return [];
      return [{ path: place, message: `'${name}' is no longer taken` }];
    });
    return [...missing, ...members, ...this.#otherMemberGaps(given, others, path)];
  }

  #otherMemberGaps(given: Form, others: Json, path: string): Gap[] {
    const come = given["additionalProperties"] ?? true;
    if (others === true || come === false) return [];
    if (isObject(others)) return come === true ? [] : this.gaps(come, others, `${path}/*`);
    if (this.#side === "output" || given["type"] !== "object") return [];
    return [{ path, message: "members it does not name are no longer taken" }];
  }

  #lacks(name: string): string {
    return this.#side === "input" ? `'${name}' is now required` : `'${name}' may be missing now`;
  }
}

/** The deeper one has more in common. */
function nearer(one: readonly Gap[], other: readonly Gap[]): boolean {
  const depth = (gaps: readonly Gap[]): number => Math.min(...gaps.map(({ path }) => path.split("/").length));
  return depth(one) > depth(other) || (depth(one) === depth(other) && one.length < other.length);
}

function unique(gaps: readonly Gap[]): Gap[] {
  return [...new Map(gaps.map((gap) => [`${gap.path}\n${gap.message}`, gap])).values()];
}
