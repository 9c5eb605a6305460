// A private repository over ssh: a real sshd on loopback, and the key, the known hosts and the ssh configuration of the user.
import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { userInfo } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { sshdPath } from "../../../../scripts/test-parts.ts";
import { addPlugin } from "../../../../src/core/plugins/installer/add.ts";
import { readMigrations } from "../../../../src/core/plugin-schemas.ts";
import { syncPlugins } from "../../../../src/core/plugins/installer/sync.ts";
import { updatePlugins } from "../../../../src/core/plugins/installer/update.ts";
import { freePort, until } from "../../../support/services.ts";
import { commit, makeProject, makeRepository, pluginFiles, type Project } from "./workspace.ts";

describe("a repository over ssh", () => {
  let place: Project;
  let port = 0;
  let home = "";
  let stop = async (): Promise<void> => undefined;

  before(async () => {
    const program = await sshdPath();
    place = await makeProject();
    port = await freePort();
    const folder = place.place("sshd");
    home = place.place("home");
    mkdirSync(folder, { mode: 0o700 });
    mkdirSync(join(home, ".ssh"), { recursive: true, mode: 0o700 });
    const keys = [join(folder, "host"), join(home, ".ssh", "throwaway")];
    for (const key of keys) execFileSync("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", key]);
    const [host = "", user = ""] = keys.map((key) => readFileSync(`${key}.pub`, "utf8"));
    writeFileSync(join(folder, "authorized"), user, { mode: 0o600 });
    writeFileSync(join(home, ".ssh", "known_hosts"), `[127.0.0.1]:${port} ${host}`);
    writeFileSync(
      join(folder, "config"),
      [
        "ListenAddress 127.0.0.1",
        `Port ${port}`,
        `HostKey ${keys[0]}`,
        `AuthorizedKeysFile ${join(folder, "authorized")}`,
        "PasswordAuthentication no",
        "KbdInteractiveAuthentication no",
        "StrictModes no",
        "PermitRootLogin yes",
        `PidFile ${join(folder, "pid")}`,
        "LogLevel ERROR",
      ].join("\n"),
    );
    chmodSync(join(folder, "config"), 0o600);
    // Where sshd, started by root, gives up its rights; a service manager makes it elsewhere.
    if (process.getuid?.() === 0) mkdirSync("/run/sshd", { recursive: true, mode: 0o755 });
    const child = spawn(program, ["-D", "-e", "-f", join(folder, "config")], { stdio: "ignore" });
    stop = async () => {
      const ended = once(child, "exit");
      child.kill();
      await ended;
    };
    await until(() => answers(port));
  });
  after(async () => {
    await stop();
    await place?.[Symbol.asyncDispose]();
  });

  /** ssh reads a user's files from the home of the password file, whatever HOME says: it is told where they are. */
  const environment = (key: string): NodeJS.ProcessEnv => {
    const files = `-F none -i ${join(home, ".ssh", key)} -o IdentitiesOnly=yes -o UserKnownHostsFile=${join(home, ".ssh", "known_hosts")}`;
    writeFileSync(join(home, ".gitconfig"), `[core]\n\tsshCommand = ssh ${files}\n`);
    return { PATH: process.env["PATH"], HOME: home };
  };
  const address = (): string => `ssh://${userInfo().username}@127.0.0.1:${port}${place.place("notes")}`;

  test("is installed and updated with the user's own key, and asks nobody", async () => {
    await using project = await makeProject();
    makeRepository(place.place("notes"), pluginFiles("notes"));
    const { config } = project;
    const shared = {
      config,
      env: environment("throwaway"),
      consent: async () => true,
      trial: async () => undefined,
    };
    const { entry } = await addPlugin({ ...shared, source: address() });
    assert.ok(entry.source.type === "git" && entry.source.url === address());
    commit(place.place("notes"), pluginFiles("notes", "", "1.1.0"));
    // This sshd takes no GIT_PROTOCOL, so git speaks its old protocol: what no branch points to can't be asked for by its id.
    rmSync(config.stateFolder, { recursive: true });
    assert.deepEqual((await syncPlugins(shared)).fetched, ["notes"]);
    const report = await updatePlugins({ ...shared, names: [], breakDependants: false, readMigrations });
    assert.deepEqual([report.failed, report.updated[0]?.to], [[], "1.1.0"]);
  });

  test("is not to be had without the key, and says what to set up", async () => {
    await using project = await makeProject();
    const add = addPlugin({
      config: project.config,
      env: environment("none"),
      source: address(),
      consent: async () => true,
    });
    await assert.rejects(add, { code: "SOURCE_UNREACHABLE", message: /was not let in/, hint: /ssh agent/ });
    assert.equal(existsSync(join(project.folder, "xcore.lock")), false);
  });
});

async function answers(port: number): Promise<boolean> {
  return fetch(`http://127.0.0.1:${port}`).then(
    () => true,
    (error: unknown) => !/ECONNREFUSED/.test(String((error as Error).cause)),
  );
}
