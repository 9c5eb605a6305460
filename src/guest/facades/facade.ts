// How a facade asks the core: bound to the call whose context it belongs to.
import type { HostCallName, HostCalls } from "../../wire/host-calls.ts";

export type Ask = <Name extends HostCallName>(
  name: Name,
  args: HostCalls[Name]["args"],
) => Promise<HostCalls[Name]["reply"]>;
