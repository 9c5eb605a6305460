// How much of Redis one plugin may fill: an account of its entries, kept in Redis itself, so that all nodes share it.
// A sorted set holds its keys by the time they expire, a hash their sizes and, under the empty name, the sum of them.
import type { Redis } from "ioredis";

export interface Account {
  /** What every key of the plugin begins with. */
  readonly start: string;
  readonly maxBytes: number;
}

/** What Redis itself needs for an entry and its lines in the account, about. */
const overheadBytes = 200;
/** Of the account's sorted set: marks of tags go last, since without them deleted values would come back. */
const markScore = 1e15;
const withoutEndMs = 10 * 366 * 86_400_000;

type Scripted = Redis & {
  xcoreCacheSet(...args: (string | number)[]): Promise<number>;
  xcoreCacheDrop(...args: (string | number)[]): Promise<number>;
};

const drop = `
local function drop(key)
  local size = tonumber(redis.call('HGET', KEYS[2], key) or '0')
  redis.call('UNLINK', key)
  redis.call('ZREM', KEYS[1], key)
  redis.call('HDEL', KEYS[2], key)
  if size > 0 then redis.call('HINCRBY', KEYS[2], '', -size) end
end
`;

const setScript = `${drop}
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local mark = tonumber(ARGV[5])
for _, from in ipairs({0, ${markScore}}) do
  for _, key in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], from, from + now, 'LIMIT', 0, 200)) do drop(key) end
end
drop(KEYS[3])
local size = tonumber(ARGV[3])
redis.call('SET', KEYS[3], ARGV[1], 'PX', ARGV[2])
redis.call('ZADD', KEYS[1], now + ARGV[2] + mark, KEYS[3])
redis.call('HSET', KEYS[2], KEYS[3], size)
local total = redis.call('HINCRBY', KEYS[2], '', size)
local evicted = 0
while total > tonumber(ARGV[4]) and evicted < 1000 do
  local first = redis.call('ZRANGE', KEYS[1], 0, 0)[1]
  if not first then break end
  drop(first)
  evicted = evicted + 1
  total = tonumber(redis.call('HGET', KEYS[2], '') or '0')
end
return evicted
`;

const dropScript = `${drop}
for i = 3, #KEYS do drop(KEYS[i]) end
return #KEYS - 2
`;

export function defineQuota(redis: Redis): void {
  redis.defineCommand("xcoreCacheSet", { numberOfKeys: 3, lua: setScript });
  redis.defineCommand("xcoreCacheDrop", { lua: dropScript });
}

export interface Entry {
  key: string;
  value: string;
  ttlMs: number | undefined;
  /** It is the mark of a tag. */
  mark: boolean;
}

/** Writes an entry. Those of the plugin that expire soonest go, until all of it fits; of what is too large by itself nothing is kept. */
export async function setWithin(redis: Redis, account: Account, entry: Entry): Promise<void> {
  const { key, value, ttlMs = withoutEndMs, mark } = entry;
  const bytes = Buffer.byteLength(key) + Buffer.byteLength(value) + overheadBytes;
  await (redis as Scripted).xcoreCacheSet(
    ...placesOf(account),
    key,
    value,
    Math.ceil(ttlMs),
    bytes,
    account.maxBytes,
    mark ? markScore : 0,
  );
}

export async function dropFrom(redis: Redis, account: Account, keys: readonly string[]): Promise<void> {
  await (redis as Scripted).xcoreCacheDrop(keys.length + 2, ...placesOf(account), ...keys);
}

function placesOf({ start }: Account): [index: string, sizes: string] {
  return [`${start}#index`, `${start}#sizes`];
}
