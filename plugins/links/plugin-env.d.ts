// Written by xcore from plugin.yaml: what this plugin may use. Changes here are overwritten.
import "xcore/plugin";

declare module "xcore/plugin" {
  interface Declared {
    permissions: "database";
  }
}
