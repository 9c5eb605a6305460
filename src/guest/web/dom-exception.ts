// DOMException, small: aborting must not wait for a polyfill to load. Codes: https://webidl.spec.whatwg.org/#dfn-error-names-table

const legacyCodes: Readonly<Record<string, number>> = {
  IndexSizeError: 1,
  NotFoundError: 8,
  NotSupportedError: 9,
  InvalidStateError: 11,
  SyntaxError: 12,
  InvalidAccessError: 15,
  SecurityError: 18,
  NetworkError: 19,
  AbortError: 20,
  QuotaExceededError: 22,
  TimeoutError: 23,
  DataCloneError: 25,
};

export class DOMException extends Error {
  static {
    for (const [name, code] of Object.entries(legacyCodes)) {
      const constant = `${name
        .slice(0, -5)
        .replace(/(?<=[a-z])[A-Z]/g, "_$&")
        .toUpperCase()}_ERR`;
      Object.defineProperty(this, constant, { value: code, enumerable: true });
    }
  }

  constructor(message = "", name: string | { name?: string; cause?: unknown } = "Error") {
    const options = typeof name === "string" ? { name } : name;
    super(message, "cause" in options ? { cause: options.cause } : undefined);
    Object.defineProperty(this, "name", { value: options.name ?? "Error", configurable: true });
  }

  get code(): number {
    return legacyCodes[this.name] ?? 0;
  }

  get [Symbol.toStringTag](): string {
    return "DOMException";
  }
}
