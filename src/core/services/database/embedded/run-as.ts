// Whom Postgres runs as. It refuses root, so a root core drops to another user; everyone else runs it as themselves.
import { readFile, stat } from "node:fs/promises";

export interface User {
  readonly uid: number;
  readonly gid: number;
  readonly name: string;
}

const nobody: User = { uid: 65534, gid: 65534, name: "nobody" };

/**
 * Undefined: as ourselves. A root core takes, in this order: the owner of the data folder, the owner of the project,
 * `postgres`, `nobody`; the owner of a folder that is there already always wins, so that a second start finds its data.
 */
export async function chooseUser(dataFolder: string, workspace: string): Promise<User | undefined> {
  if (process.getuid?.() !== 0) return undefined;
  const users = await knownUsers();
  const data = await ownerOf(dataFolder);
  if (data !== undefined && data.uid !== 0) {
    return users.find((user) => user.uid === data.uid) ?? { ...data, name: `uid ${data.uid}` };
  }
  const project = await ownerOf(workspace);
  const owner = users.find((user) => user.uid === project?.uid && user.uid !== 0);
  return owner ?? users.find((user) => user.name === "postgres") ?? named(users, "nobody") ?? nobody;
}

/** The name of a user id for messages: `alice`, or `uid 1000` where the system knows none. */
export async function userName(uid: number): Promise<string> {
  return (await knownUsers()).find((user) => user.uid === uid)?.name ?? `uid ${uid}`;
}

/** Uid and gid of whoever owns a path; undefined when it is not there. */
export async function ownerOf(path: string): Promise<{ uid: number; gid: number } | undefined> {
  const found = await stat(path).catch(() => undefined);
  return found === undefined ? undefined : { uid: found.uid, gid: found.gid };
}

function named(users: readonly User[], name: string): User | undefined {
  return users.find((user) => user.name === name);
}

async function knownUsers(): Promise<User[]> {
  const text = await readFile("/etc/passwd", "utf8").catch(() => "");
  const users: User[] = [];
  for (const line of text.split("\n")) {
    const [name = "", , uid = "", gid = ""] = line.split(":");
    if (/^\d+$/.test(uid) && /^\d+$/.test(gid)) users.push({ name, uid: Number(uid), gid: Number(gid) });
  }
  return users;
}
