import type { IncomingHttpHeaders } from 'node:http';
import { isIP } from 'node:net';
import { AppError } from '@flywheel/core';

/**
 * Keeps web pages of others away from a server without credentials. A page may send "simple" requests anywhere, and by
 * rebinding its own name to 127.0.0.1 it may even read the answers. Two rules stop both: a server on a loopback
 * address answers to addresses, `localhost` and allowed names only, and what a page sends (it carries `Origin`) must
 * come from the same host, from this machine, or from an allowed name. Programs send no `Origin` and notice nothing.
 */
export class BrowserGuard {
  readonly #allowedHosts: ReadonlySet<string>;
  #isLoopback = false;
  #lastGoodHost: string | undefined;

  constructor(allowedHosts: readonly string[]) {
    this.#allowedHosts = new Set(allowedHosts.map((host) => host.toLowerCase()));
  }

  /** Tells the address that is listened on. */
  bound(address: string): void {
    this.#isLoopback = address === 'localhost' || address === '::1' || address.startsWith('127.');
  }

  /** `permission_denied` for a request that a foreign page may have caused. */
  check(method: string | undefined, headers: IncomingHttpHeaders): void {
    if (this.#isLoopback && headers.host !== this.#lastGoodHost) this.#checkHost(headers.host);
    if (headers.origin !== undefined && method !== 'GET' && method !== 'HEAD')
      this.#checkOrigin(headers.origin, headers.host);
  }

  #checkHost(host: string | undefined): void {
    if (host === undefined) return; // browsers always send it
    const name = hostnameOf(`http://${host}`);
    if (
      name === undefined ||
      !(isAddress(name) || isThisMachine(name) || this.#allowedHosts.has(name))
    )
      throw new AppError('permission_denied', 'host is not allowed', {
        details: { field: 'host', rule: 'must be an address, localhost, or an allowed host' },
      });
    this.#lastGoodHost = host;
  }

  #checkOrigin(origin: string, host: string | undefined): void {
    const name = hostnameOf(origin);
    const isSame = name !== undefined && isAddress(name) && origin.endsWith(`://${host ?? ''}`);
    if (name !== undefined && (isSame || isThisMachine(name) || this.#allowedHosts.has(name)))
      return;
    throw new AppError('permission_denied', 'requests from other sites are not allowed', {
      details: { field: 'origin', rule: 'must be this host, this machine, or an allowed host' },
    });
  }
}

function hostnameOf(url: string): string | undefined {
  return URL.canParse(url) ? new URL(url).hostname : undefined;
}

function isAddress(name: string): boolean {
  return isIP(name.replace(/^\[|\]$/g, '')) !== 0;
}

function isThisMachine(name: string): boolean {
  return (
    name === 'localhost' ||
    name.endsWith('.localhost') ||
    name === '[::1]' ||
    (isIP(name) === 4 && name.startsWith('127.'))
  );
}
