// Puts a version into a registry: signed, packed, entered into its index. What was published once is never changed.
import { createHash } from "node:crypto";
import { mkdir, open, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { XcoreError, messageOf, systemCode } from "../../base/error.ts";
import { fingerprintOf } from "../../base/public-key.ts";
import { digestOf } from "../installer/cache.ts";
import { approvedYaml } from "../lock-yaml.ts";
import type { SigningKey } from "../signatures/keys.ts";
import { packName } from "../signatures/pack-name.ts";
import { packPlugin, replace, signPlugin, type PackedPlugin } from "../signatures/sign.ts";
import {
  archiveFolder,
  indexFile,
  indexFolder,
  openIndex,
  sealIndex,
  type IndexedPlugin,
  type RegistryIndex,
} from "./registry-index.ts";

export interface PublishOptions {
  /** The plugin's folder, absolute. */
  folder: string;
  /** The registry's folder, absolute: what a web server serves, or a git work tree. */
  to: string;
  key: SigningKey;
  now?: Date;
}

export interface Published {
  name: string;
  version: string;
  /** `sha512-…` of the archive. */
  archive: string;
  serial: number;
  signer: string;
  /** False: exactly this was there already, and nothing was written. */
  changed: boolean;
  /** The key that signed the index before, where that was another one: clients must trust this one, too. */
  formerSigner: string | null;
  /** Relative to the registry. */
  files: string[];
}

/**
 * Throws `PLUGIN_EXISTS` when the version is there with other bytes, `FORBIDDEN` when the name belongs to another key, `LOCKED` while
 * somebody else publishes.
 */
export async function publishPlugin({
  folder,
  to,
  key,
  now = new Date(),
}: PublishOptions): Promise<Published> {
  const packed = await packSigned(folder, key, now);
  await mkdir(join(to, indexFolder), { recursive: true });
  return alone(join(to, indexFolder, "index.lock"), async () => {
    const before = await readIndex(to);
    const { name, version, bytes, manifest } = packed;
    const known = own(before?.plugins, name);
    if (known !== undefined && known.owner !== key.publicKey) throw foreign(name, known, key);
    const archive = `sha512-${createHash("sha512").update(bytes).digest("base64")}`;
    const there = own(known?.versions, version);
    const path = `${archiveFolder(name)}/${packName(name, version)}`;
    const result = {
      name,
      version,
      archive,
      signer: key.publicKey,
      files: [path, `${indexFolder}/${indexFile}`],
    };
    const formerSigner = before === undefined || before.signer === key.publicKey ? null : before.signer;
    if (there !== undefined && before !== undefined) {
      if (there.archive !== archive) throw published(name, version);
      const isWhole = (await digestOf(join(to, path)).catch(() => undefined)) === archive;
      if (!isWhole) await putArchive(to, packed);
      return { ...result, serial: before.serial, changed: !isWhole, formerSigner };
    }
    await putArchive(to, packed);
    const release = {
      archive,
      bytes: bytes.length,
      xcore: manifest.xcore,
      description: manifest.description,
      permissions: approvedYaml(manifest.permissions),
      dependencies: { ...manifest.dependencies },
      time: now.toISOString(),
    };
    const index: Omit<RegistryIndex, "signer"> = {
      format: 1,
      serial: (before?.serial ?? 0) + 1,
      time: now.toISOString(),
      plugins: {
        ...before?.plugins,
        [name]: { owner: key.publicKey, versions: { ...known?.versions, [version]: release } },
      },
    };
    await replace(join(to, indexFolder, indexFile), Buffer.from(sealIndex(index, key)));
    return { ...result, serial: index.serial, changed: true, formerSigner };
  });
}

// A signature of this key that fits is kept: publishing the same again gives the same bytes.
async function packSigned(folder: string, key: SigningKey, now: Date): Promise<PackedPlugin> {
  const packed = await packPlugin(folder).catch((error: unknown) => {
    if (error instanceof XcoreError && error.code === "SIGNATURE_INVALID") return undefined;
    throw error;
  });
  if (packed?.signer === key.publicKey) return packed;
  await signPlugin({ folder, key, now });
  return packPlugin(folder);
}

async function putArchive(to: string, { name, version, bytes }: PackedPlugin): Promise<void> {
  await mkdir(join(to, archiveFolder(name)), { recursive: true });
  await replace(join(to, archiveFolder(name), packName(name, version)), bytes);
}

async function readIndex(to: string): Promise<RegistryIndex | undefined> {
  try {
    return openIndex(await readFile(join(to, indexFolder, indexFile), "utf8"), to);
  } catch (error) {
    if (systemCode(error) === "ENOENT") return undefined;
    throw error;
  }
}

async function alone<T>(file: string, work: () => Promise<T>): Promise<T> {
  let handle;
  try {
    handle = await open(file, "wx");
  } catch (error) {
    if (systemCode(error) !== "EEXIST") {
      throw new XcoreError("SOURCE_INVALID", `the registry can't be written to: ${messageOf(error)}`, {
        hint: "Name a folder you may write to with --to.",
      });
    }
    throw new XcoreError("LOCKED", `somebody else publishes there: ${file} is held`, {
      hint: "Try again in a moment. If a publisher was killed, delete that file.",
    });
  }
  try {
    return await work();
  } finally {
    await handle.close();
    await rm(file, { force: true });
  }
}

function own<T>(map: Readonly<Record<string, T>> | undefined, key: string): T | undefined {
  return map !== undefined && Object.hasOwn(map, key) ? map[key] : undefined;
}

function foreign(name: string, { owner }: IndexedPlugin, key: SigningKey): XcoreError {
  return new XcoreError(
    "FORBIDDEN",
    `the name '${name}' belongs to ${fingerprintOf(owner)} in this registry; your key is ${key.fingerprint}`,
    { hint: "Publish with that key, or under another name.", details: { name, owner } },
  );
}

function published(name: string, version: string): XcoreError {
  return new XcoreError("PLUGIN_EXISTS", `${name} ${version} was published already, with other bytes`, {
    hint: "A version is never changed: raise it in plugin.yaml.",
    details: { name, version },
  });
}
