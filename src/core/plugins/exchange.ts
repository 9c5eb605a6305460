// What HTTP needs to know of a request to a plugin and its answer, when one of them comes in pieces.
export type { BodySource, BodyTarget } from "../sandbox/request-feed.ts";
export type { ResponseStream, StreamSink } from "../sandbox/response-stream.ts";
export type { SocketChannel, SocketPeer } from "../sandbox/socket-channel.ts";
export type { PluginResponse, RequestOptions } from "../sandbox/sandbox.ts";
