// What a repository, an archive or a folder may hold.
import { execFileSync } from "node:child_process";
import { readFileSync, symlinkSync, truncateSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { archive, refuses, tree } from "./refused.ts";
import { harmless, packed, treeBomb } from "./scene.ts";

refuses({
  "a repository": {
    "with a link out of the tree": tree(/symbolic link/, ["120000", "link", "/etc/passwd"]),
    "with a link within the tree": tree(/symbolic link/, ["120000", "link", "plugin.yaml"]),
    "with a submodule that runs a helper": tree(
      /submodule/,
      ["100644", ".gitmodules", '[submodule "a"]\npath = a\nurl = ext::touch mark\n'],
      ["160000", "a", ""],
    ),
    "with hooks": tree(/\.git folder/, ["100755", ".git/hooks/post-checkout", "#!/bin/sh\ntouch mark\n"]),
    "with .GIT": tree(/\.git folder/, ["100644", ".GiT/config", "x"]),
    "with the short name of .git": tree(/\.git folder/, ["100644", "GIT~1/config", "x"]),
    "with .git and an invisible character": tree(/\.git folder/, ["100644", ".g\u200cit/config", "x"]),
    "with .git and a stream of NTFS": tree(/\.git folder/, ["100644", ".git::$INDEX_ALLOCATION/config", "x"]),
    "with ..": tree(/leads out/, ["100644", "../../evil", "x"]),
    "with an absolute path": tree(/absolute/, ["100644", "/etc/evil", "x"]),
    "with a backslash": tree(/backslash/, ["100644", "a\\..\\..\\evil", "x"]),
    "with names that differ by letter case": tree(
      /same on some/,
      ["100644", "A.ts", "a"],
      ["100644", "a.ts", "b"],
    ),
    "with names in two Unicode forms": tree(
      /same on some/,
      ["100644", "caf\u00e9", "a"],
      ["100644", "cafe\u0301", "b"],
    ),
    "with names that fold together": tree(
      /same on some/,
      ["100644", "\u212a.ts", "a"],
      ["100644", "k.ts", "b"],
    ),
    "with a device's name": tree(/device/, ["100644", "aux.ts", "x"]),
    "with a terminal's escape sequence": tree(/no text/, ["100644", "a\u001b]0;x\u0007", "x"]),
    "that unfolds into billions of files": {
      code: "SOURCE_INVALID",
      says: /too many files|more than/,
      source: ({ place }) => treeBomb(place("bomb"), 10),
    },
  },
  "an archive": {
    "with ..": archive(/leads out/, { path: "package/../../evil", content: "x" }),
    "with an absolute path": archive(/absolute/, { path: "/tmp/xcore-attack", content: "x" }),
    "with a drive": archive(/absolute/, { path: "c:evil", content: "x" }),
    "with a backslash": archive(/backslash/, { path: "package\\..\\..\\evil", content: "x" }),
    "with a folder out of it": archive(/leads out/, { path: "../evil/", type: "Directory" }),
    "with a link, and a file through it": archive(
      /symbolic link/,
      { path: "package/a", type: "SymbolicLink", linkpath: "/etc" },
      { path: "package/a/evil", content: "x" },
    ),
    "with a hard link": archive(/link/, { path: "package/a", type: "Link", linkpath: "/etc/passwd" }),
    "with a character device": archive(/device/, { path: "package/a", type: "CharacterDevice" }),
    "with a block device": archive(/device/, { path: "package/a", type: "BlockDevice" }),
    "with a pipe": archive(/fifo/, { path: "package/a", type: "FIFO" }),
    "with a sparse file": archive(/'package\/a' is a|no readable/, {
      path: "package/a",
      typeflag: "S",
      content: "x",
    }),
    "with an unheard-of kind": archive(/'package\/a' is a|no readable/, {
      path: "package/a",
      typeflag: "Z",
      content: "x",
    }),
    "with names that differ by letter case": archive(/same on some/, {
      path: "package/SRC/index.ts",
      content: "x",
    }),
    "with names in two Unicode forms": archive(
      /same on some/,
      { path: "package/caf\u00e9", content: "" },
      { path: "package/cafe\u0301", content: "" },
    ),
    "with a file twice": archive(/same on some/, { path: "package/plugin.yaml", content: "name: y\n" }),
    "with a path of thousands of characters": archive(/longer than|deeper than|no readable/, {
      path: `package/${"a/".repeat(40)}x`,
      content: "",
    }),
    "with a manifest of 1 GB, by its header": archive(/more than/, { path: "package/big", size: 1024 ** 3 }),
    "with a million files": {
      code: "SOURCE_INVALID",
      says: /more than 500 files/,
      caps: { files: 500 },
      source: (scene) => scene.archive(Array.from({ length: 5000 }, (_, at) => ({ path: `package/${at}` }))),
    },
    "with 33 MB of nothing in one file": archive(/more than/, {
      path: "package/big",
      content: Buffer.alloc(33 * 1024 ** 2),
    }),
    "that goes on with gigabytes of nothing behind its end": {
      code: "SOURCE_INVALID",
      says: /unpacks to more than 16 MB/,
      caps: { transferBytes: 16 * 1024 ** 2 },
      source: (scene) => scene.archive(packed(), Buffer.alloc(64 * 1024 ** 2)),
    },
    "that is packed twice": {
      code: "SOURCE_INVALID",
      says: /packed twice/,
      source: (scene) => scene.file("twice.tgz", gzipSync(readFileSync(scene.archive(packed())))),
    },
    "that ends in the middle": {
      code: "SOURCE_INVALID",
      says: /no readable/,
      source: (scene) =>
        scene.archive([...packed(), { path: "package/a", content: "x", size: 5000 }], Buffer.alloc(0)),
    },
  },
  "a folder": {
    "with a link": {
      code: "SOURCE_INVALID",
      says: /no regular file/,
      source({ folder }) {
        const path = folder("evil", harmless());
        symlinkSync("/etc/passwd", join(path, "leak"));
        return path;
      },
    },
    "with a pipe": {
      code: "SOURCE_INVALID",
      says: /no regular file/,
      source({ folder }) {
        const path = folder("evil", harmless());
        execFileSync("mkfifo", [join(path, "pipe")]);
        return path;
      },
    },
    "with a manifest of 1 GB": {
      code: "SOURCE_INVALID",
      says: /more than/,
      source({ folder }) {
        const path = folder("evil", harmless());
        truncateSync(join(path, "plugin.yaml"), 1024 ** 3);
        return path;
      },
    },
  },
});
