// xcore doctor: looks at this machine and this project, and says what to do about what is wrong.
import { styleText } from "node:util";
import { BaseCommand } from "../cli/base-command.ts";

export default class Doctor extends BaseCommand {
  static override summary = "Check that this machine and this project have all it takes.";
  static override description = "Exit code 1 when a check fails. Changes nothing.";

  async run(): Promise<object> {
    await this.parse(Doctor);
    const { examine } = await import("../core/index.ts");
    const checks = await examine();
    for (const { name, ok, detail, cure } of checks) {
      const mark = ok ? styleText("green", "ok  ") : styleText("red", "fail");
      this.log(`${mark}  ${name.padEnd(18)} ${detail.split("\n").join("\n      ")}`);
      if (cure !== undefined) this.log(`      ${styleText("dim", `→ ${cure}`)}`);
    }
    const healthy = checks.every((check) => check.ok);
    if (!healthy) this.exitWith(1);
    return { healthy, checks };
  }
}
