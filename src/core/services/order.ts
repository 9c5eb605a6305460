// Which service opens before which: needs are data and are checked before anything is opened.
import { suggestion } from "../base/nearest.ts";
import { XcoreError } from "../base/error.ts";

/** Throws when a need is not declared or when needs run in a circle. */
export function checkNeeds(needs: ReadonlyMap<string, readonly string[]>): void {
  for (const [name, wanted] of needs) {
    const missing = wanted.find((need) => !needs.has(need));
    if (missing === undefined) continue;
    throw new XcoreError(
      "CONFIG_INVALID",
      `services.${name} needs service '${missing}', which integration.yaml does not declare; ${suggestion(missing, needs.keys())}`,
      { hint: `Add services.${missing} to integration.yaml.` },
    );
  }
  const done = new Set<string>();
  const visit = (name: string, path: readonly string[]): void => {
    if (path.includes(name)) {
      const circle = [...path.slice(path.indexOf(name)), name].join(" -> ");
      throw new XcoreError("CONFIG_INVALID", `services need each other in a circle: ${circle}`, {
        hint: "Take one name out of the 'needs' of a provider in this circle.",
      });
    }
    if (done.has(name)) return;
    for (const need of needs.get(name) ?? []) visit(need, [...path, name]);
    done.add(name);
  };
  for (const name of needs.keys()) visit(name, []);
}
