// A provider's options as written in integration.yaml, held against the provider's schema and completed by its defaults.
import type { Json } from "../../wire/json.ts";
import { checkOptions } from "../config/check-options.ts";
import type { Provider } from "./service.ts";

/** `file` is integration.yaml; throws `CONFIG_INVALID` naming each fault with its line. */
export function providerOptions(
  file: string,
  name: string,
  provider: Provider,
  options: Readonly<Record<string, Json>>,
): unknown {
  return checkOptions({
    file,
    path: ["services", name],
    schema: provider.options,
    options,
    code: "CONFIG_INVALID",
  });
}
