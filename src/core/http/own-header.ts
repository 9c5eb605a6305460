// Headers that are the server's alone. Framing is ours (RFC 9110 7.6.1 and 8.6): a guest can neither smuggle a second response nor lie about lengths.
const ownHeader =
  /^(connection|keep-alive|proxy-connection|transfer-encoding|te|trailer|upgrade|content-length|x-request-id)$/i;

export function isOwnHeader(name: string): boolean {
  return ownHeader.test(name);
}
