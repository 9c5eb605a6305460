// Tells which plugins and project files were saved, gathered over a moment, through chokidar.
import { join, relative, sep } from "node:path";
import { watch } from "chokidar";

export interface Saved {
  /** Plugin folders (by name those under plugins/, linked ones absolute) to the files touched in them, absolute. */
  plugins: ReadonlyMap<string, ReadonlySet<string>>;
  /** integration.yaml, .env or xcore.lock. */
  project: boolean;
}

export interface WatchOptions {
  workspace: string;
  /** Absolute folders of linked plugins, asked for anew when xcore.lock was saved. */
  links(): Promise<readonly string[]>;
  onSaved(saved: Saved): void;
  onError(error: unknown): void;
}

/** Editors write a file in several steps; what comes within this time is one save. */
const gatherMs = 5;
const projectFiles = ["integration.yaml", ".env", "xcore.lock"];

export async function watchWorkspace(options: WatchOptions): Promise<AsyncDisposable> {
  const pluginsFolder = join(options.workspace, "plugins");
  const files = projectFiles.map((name) => join(options.workspace, name));
  let links = await options.links();
  const watcher = watch([pluginsFolder, ...files, ...links], {
    ignoreInitial: true,
    ignored: (path) =>
      /[/\\](node_modules|\.git|\.xcore)([/\\]|$)|plugin-env\.d\.ts$|~$|\.sw[a-z]$/.test(
        relative(options.workspace, path),
      ),
  });
  let plugins = new Map<string, Set<string>>();
  let project = false;
  let timer: NodeJS.Timeout | undefined;
  const flush = (): void => {
    timer = undefined;
    const saved = { plugins, project };
    plugins = new Map();
    project = false;
    options.onSaved(saved);
    if (saved.project) void follow();
  };
  const follow = async (): Promise<void> => {
    const wanted = await options.links().catch(() => links);
    watcher.unwatch(links.filter((folder) => !wanted.includes(folder)));
    watcher.add(wanted.filter((folder) => !links.includes(folder)));
    links = wanted;
  };
  watcher.on("all", (_event, path) => {
    if (files.includes(path)) project = true;
    else {
      const link = links.find((one) => path.startsWith(one + sep));
      const [folder] = link === undefined ? relative(pluginsFolder, path).split(sep) : [link];
      if (folder === undefined || folder === "" || folder === "..") return;
      plugins.set(folder, (plugins.get(folder) ?? new Set()).add(path));
    }
    timer ??= setTimeout(flush, gatherMs);
  });
  watcher.on("error", options.onError);
  const { promise, resolve } = Promise.withResolvers<void>();
  watcher.once("ready", resolve);
  await promise;
  return {
    async [Symbol.asyncDispose]() {
      clearTimeout(timer);
      await watcher.close();
    },
  };
}
