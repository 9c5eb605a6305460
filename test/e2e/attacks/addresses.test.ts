// What an address or a ref may try that somebody installs from.
import { harmless } from "./scene.ts";
import { refuses, text, type Refused } from "./refused.ts";

refuses({
  "an address": {
    "that reads as an option": text("SOURCE_INVALID", "--upload-pack=touch MARK"),
    "that reads as an option behind git+": text("SOURCE_INVALID", "git+-u;touch MARK"),
    "of a remote helper": text("SOURCE_INVALID", "ext::sh -c touch% MARK", /never done/),
    "of a remote helper behind git+": text("SOURCE_INVALID", "git+ext::sh -c touch% MARK"),
    "of an fd helper": text("SOURCE_INVALID", "fd::7", /never done/),
    "whose ssh host is an option": text("SOURCE_INVALID", "ssh://-oProxyCommand=touch%20MARK/x"),
    "whose scp-like host is an option": text("SOURCE_INVALID", "git@-oProxyCommand=touch:x"),
    "whose scp-like path is an option": text("SOURCE_INVALID", "git@example.com:-x"),
    "whose ssh user is an option": text("SOURCE_INVALID", "ssh://-l@example.com/x"),
    "with a line feed": text("SOURCE_INVALID", "https://example.com/x\n[core]\nfsmonitor = touch MARK"),
    "with an escaped line feed": text("SOURCE_INVALID", "https://example.com/x%0a[core]"),
    "of a protocol nobody uses": text("SOURCE_INVALID", "gopher://example.com/x"),
    "without encryption": text("SOURCE_INVALID", "http://example.com/x.git", /can be changed on its way/),
    "with a password": text("SOURCE_INVALID", "https://user:hunter2@example.com/x", /^(?!.*hunter2)/s),
    "of a file as the registry": {
      code: "SOURCE_INVALID",
      async source({ reconfigure }) {
        const key = `ed25519:${"A".repeat(43)}=`;
        await reconfigure(`name: shop\nregistries: { ours: { url: "file:///etc", keys: ["${key}"] } }\n`);
        return "registry:ours/x";
      },
    },
    "that leads from a server to a file": {
      code: "SOURCE_UNREACHABLE",
      says: /not https/,
      source: async ({ serve }) =>
        `${await serve((_, response) => response.writeHead(302, { location: "file:///etc/passwd" }).end())}/x.tgz`,
    },
    "of a repository that leads to a file": {
      code: "SOURCE_UNREACHABLE",
      source: async ({ serve, repository }) => {
        const target = `file://${repository("real", harmless())}`;
        const url = await serve((_, response) => response.writeHead(302, { location: target }).end());
        return `${url}/x.git`;
      },
    },
    "of a registry with a path in its name": text("SOURCE_INVALID", "registry:../../x"),
    "of npm with a path in its name": text("SOURCE_INVALID", "npm:../../x"),
    "with a folder that leads out": text("SOURCE_INVALID", "https://example.com/x.git//../../etc"),
    "with a folder of git's own": text("SOURCE_INVALID", "https://example.com/x.git//.git/hooks"),
  },
  "a ref": Object.fromEntries(
    [
      "--upload-pack=touch MARK",
      "-x",
      "a..b",
      "@{-1}",
      "refs/heads/../../x",
      "a b",
      "a~1",
      "x:y",
      "a\\b",
      "x.lock",
    ].map((ref) => [
      ref,
      {
        code: "SOURCE_INVALID",
        source: ({ repository, mark }) => `${repository("good", harmless())}#${ref.replace("MARK", mark)}`,
      } satisfies Refused,
    ]),
  ),
});
