// A bare repository of ours that one commit is fetched into. Nothing is ever checked out, so no hook, filter or submodule has its turn.
import { mkdir, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { simpleGit, type SimpleGit } from "simple-git";
import { XcoreError, messageOf } from "../../base/error.ts";
import type { Caps } from "./caps.ts";
import { endStrays } from "./strays.ts";
import type { GitSource } from "./source-kinds.ts";

export interface GitOptions {
  /** Where the repository may be made; or one that was made here before. */
  folder: string;
  source: GitSource;
  caps: Caps;
  signal: AbortSignal;
  env: NodeJS.ProcessEnv;
  onProgress(message: string): void;
}

export interface RunOptions {
  input?: string;
  /** Ends the command when it says more than this. */
  maxOutputBytes?: number;
}

const idle = Symbol("idle");
const tooMuch = Symbol("too much");
/** How long after its end a command's output may stay open. */
const closeMs = 5_000;

// Removed from the environment: each can name a program to run or another place to read configuration from.
const guarded = /^(git_.*|editor|visual|pager|prefix|ssh_askpass)$/i;

// https and ssh together, since many people's configuration rewrites the one to the other (url.insteadOf).
const allowedProtocols = { https: "https:ssh", ssh: "https:ssh", http: "http", file: "file" } as const;

export class GitRepository {
  readonly #options: GitOptions;
  #objectFormat: "sha1" | "sha256" = "sha1";
  #sshCommand: string | undefined;

  private constructor(options: GitOptions) {
    this.#options = options;
  }

  static async create(options: GitOptions): Promise<GitRepository> {
    const repository = new GitRepository(options);
    const { folder, source } = options;
    await mkdir(join(folder, "objects"), { recursive: true });
    await mkdir(join(folder, "refs"), { recursive: true });
    await writeFile(join(folder, "HEAD"), "ref: refs/heads/none\n");
    await repository.configure();
    if (source.protocol === "ssh") {
      repository.#sshCommand = await repository.#usersSshCommand();
      await repository.configure();
    }
    return repository;
  }

  /**
   * Writes the configuration afresh: it wins over the user's own, the remote's address is on no command line, and no object is
   * fetched behind our back, since git no longer knows of a promisor after this.
   */
  async configure(objectFormat = this.#objectFormat): Promise<void> {
    this.#objectFormat = objectFormat;
    const lines = [
      "[core]",
      `repositoryformatversion = ${objectFormat === "sha1" ? 0 : 1}`,
      "bare = true",
      "hooksPath = /dev/null",
      "fsmonitor = false",
      "askPass =",
      "bigFileThreshold = 1m",
      ...(this.#sshCommand === undefined ? [] : [`sshCommand = ${quoted(this.#sshCommand)}`]),
      ...(objectFormat === "sha1" ? [] : ["[extensions]", "objectFormat = sha256"]),
      '[protocol "ext"]',
      "allow = never",
      "[protocol]",
      "version = 2",
      "[gc]",
      "auto = 0",
      "[maintenance]",
      "auto = false",
      "[fetch]",
      "recurseSubmodules = false",
      "writeCommitGraph = false",
      '[remote "origin"]',
      `url = ${quoted(this.#options.source.remote)}`,
    ];
    await writeFile(join(this.#options.folder, "config"), `${lines.join("\n")}\n`);
  }

  /** Runs git; a text it prints. */
  async run(args: readonly string[], options: RunOptions = {}): Promise<string> {
    return this.#guarded((git) => git.raw([...args]), options);
  }

  /** `git cat-file` with bytes as they are. */
  async catFile(args: readonly string[], options: RunOptions = {}): Promise<Buffer> {
    return this.#guarded(async (git) => (await git.binaryCatFile([...args])) as Buffer, options);
  }

  async #guarded<T>(run: (git: SimpleGit) => Promise<T>, options: RunOptions): Promise<T> {
    const { signal, caps, env, folder, source, onProgress } = this.#options;
    const stop = new AbortController();
    const ended = AbortSignal.any([signal, stop.signal]);
    const endAll = (): void => void endStrays(folder);
    ended.addEventListener("abort", endAll);
    const silence = setTimeout(() => stop.abort(idle), caps.idleMs);
    const git = simpleGit({
      baseDir: folder,
      abort: ended,
      completion: { onClose: true, onExit: closeMs },
      allowEnvironment: [
        "GIT_TERMINAL_PROMPT",
        "GIT_ALLOW_PROTOCOL",
        "GIT_NO_LAZY_FETCH",
        "GIT_OPTIONAL_LOCKS",
      ],
      errors: (error, { exitCode, stdErr, stdOut }) =>
        exitCode === 0 ? undefined : (error ?? Buffer.concat([...stdErr, ...stdOut])),
      progress: ({ stage, progress }) => onProgress(`${stage} ${progress}%`),
      ...(options.input === undefined ? {} : { input: () => options.input }),
    });
    const kept = Object.entries(env).filter(([name]) => !guarded.test(name));
    git.env({
      ...Object.fromEntries(kept),
      LC_ALL: "C",
      GIT_TERMINAL_PROMPT: "0",
      GIT_ALLOW_PROTOCOL: allowedProtocols[source.protocol],
      GIT_NO_LAZY_FETCH: "1",
      GIT_OPTIONAL_LOCKS: "0",
    });
    let said = 0;
    git.outputHandler((_command, stdout, stderr) => {
      stderr.on("data", () => silence.refresh());
      stdout.on("data", (chunk: Buffer) => {
        silence.refresh();
        said += chunk.length;
        if (said > (options.maxOutputBytes ?? Infinity)) stop.abort(tooMuch);
      });
    });
    try {
      return await run(git);
    } catch (error) {
      if (stop.signal.reason === idle) throw silent(source, caps);
      if (stop.signal.reason !== tooMuch) throw error;
      throw new XcoreError("SOURCE_INVALID", `${source.url} has too many files for a plugin`, {
        hint: "Name the plugin's folder within it (…//folder).",
      });
    } finally {
      clearTimeout(silence);
      ended.removeEventListener("abort", endAll);
    }
  }

  // ssh must not ask either; what the user set up for ssh is kept.
  async #usersSshCommand(): Promise<string> {
    const { env } = this.#options;
    const configured = await this.run(["config", "--get", "core.sshCommand"]).catch(() => "");
    const command = env["GIT_SSH_COMMAND"] ?? (configured.trim() || env["GIT_SSH"]) ?? "ssh";
    const program = basename(command.trim().split(/\s+/)[0] ?? "");
    return program === "ssh" ? `${command} -oBatchMode=yes` : command;
  }
}

const quoted = (text: string): string => `"${text.replaceAll(/["\\]/g, String.raw`\$&`)}"`;

function silent(source: GitSource, caps: Caps): XcoreError {
  const seconds = Math.ceil(caps.idleMs / 1000);
  return new XcoreError("SOURCE_UNREACHABLE", `${source.url} did not answer within ${seconds} s`, {
    hint: "Try again, or give an archive.",
  });
}

/** What git said, as an error that tells a reader what to do. */
export function gitFault(error: unknown, source: GitSource): XcoreError {
  if (error instanceof XcoreError) return error;
  const said = messageOf(error).trim();
  const { url } = source;
  const fault = (why: string, hint: string): XcoreError =>
    new XcoreError("SOURCE_UNREACHABLE", `${url}: ${why}`, {
      hint,
      details: { url, git: said.slice(0, 2000) },
    });
  if (/spawn git ENOENT|git: not found/.test(said)) {
    return new XcoreError("PART_MISSING", "git is not installed", {
      hint: "Install git (apt-get install git), or give a .tgz archive or a folder.",
    });
  }
  if (
    /authentication failed|could not read (username|password)|permission denied|terminal prompts disabled|host key verification|returned error: 40[13]/i.test(
      said,
    )
  ) {
    return fault(
      "git was not let in, or the repository does not exist",
      "Check the address. For a private repository set up git's credential helper or your ssh agent so that 'git ls-remote' works without asking.",
    );
  }
  if (/not found|does not exist|does not appear to be a git repository|returned error: 404/i.test(said)) {
    return fault("there is no repository", "Check the address.");
  }
  if (/could not resolve host|could not resolve hostname/i.test(said)) {
    return fault("its host is not known", "Check the address and your network.");
  }
  const last = said.split("\n").findLast((line) => /^(fatal|error):/.test(line)) ?? said.split("\n")[0] ?? "";
  return fault(last.slice(0, 300) || "git failed", "Check the address and your network, then try again.");
}
