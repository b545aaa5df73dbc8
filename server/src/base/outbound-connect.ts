import { isIP, type LookupFunction, connect as netConnect, type Socket } from 'node:net';
import {
  checkServerIdentity,
  createSecureContext,
  getCACertificates,
  type SecureContext,
  connect as tlsConnect,
} from 'node:tls';
import type { buildConnector } from 'undici';
import { mayConnect, type PrivateAddresses } from './address-policy.ts';
import { meterAnswers } from './answer-meter.ts';
import type { NameLookup } from './name-lookup.ts';
import { OutboundError } from './outbound-error.ts';

/** Where a request goes. What is connected to, what the certificate must say and what `Host` says may all differ. */
export interface Endpoint {
  readonly protocol: 'https:' | 'http:';
  /** Host name or IP literal (without brackets) to connect to. */
  readonly host: string;
  readonly port: number;
  /** Host name or IP literal (without brackets) that the certificate must be valid for; also sent as SNI. */
  readonly certificateName: string;
  readonly hostHeader: string;
  /**
   * Host name or IP literal that the request was first meant for, before delegation or redirects: only when that is
   * `localhost` may the policy `localhost` apply.
   */
  readonly requestedHost: string;
}

export interface ConnectSettings {
  readonly privateAddresses: PrivateAddresses;
  readonly names: NameLookup;
  /** PEM certificates trusted besides those of Node and of the operating system. */
  readonly extraCa: readonly string[];
  readonly timeoutMs: number;
}

/** @param maxBytes of the largest body that may come from the endpoint at the moment */
export type MakeConnector = (endpoint: Endpoint, maxBytes: () => number) => buildConnector.connector;

/** Certificates of Node, the operating system and the configuration. Made on first use: parsing them takes a while. */
function trustedCertificates(extraCa: readonly string[]): () => SecureContext {
  let context: SecureContext | undefined;
  return () => {
    context ??= createSecureContext({
      ca: [...new Set([...getCACertificates('default'), ...getCACertificates('system'), ...extraCa])],
      minVersion: 'TLSv1.2',
    });
    return context;
  };
}

function refused(host: string): OutboundError {
  return new OutboundError('address_refused', `${host} has no address that requests may go to.`);
}

/**
 * Makes connectors: each connects to its endpoint, and only to addresses that the policy lets through. The addresses are
 * those of the one lookup that the socket then connects to, so a name that answers differently the second time gains nothing.
 */
export function createConnectors(settings: ConnectSettings): MakeConnector {
  const secureContext = trustedCertificates(settings.extraCa);

  const allowed = (endpoint: Endpoint, address: string) =>
    mayConnect(settings.privateAddresses, [endpoint.requestedHost, endpoint.host], address);

  function lookupFor(endpoint: Endpoint): LookupFunction {
    return (hostname, options, callback) => {
      settings.names
        .addresses(hostname)
        .then((found) => {
          if (found.length === 0) throw new OutboundError('name', `${hostname} has no address.`);
          const addresses = found
            .filter((address) => allowed(endpoint, address))
            .map((address) => ({ address, family: isIP(address) }));
          const first = addresses[0];
          if (first === undefined) throw refused(hostname);
          if (options.all) callback(null, addresses);
          else callback(null, first.address, first.family);
        })
        .catch((error: Error) => {
          const failure =
            error instanceof OutboundError ? error : new OutboundError('name', `${hostname} was not found.`, error);
          callback(failure as NodeJS.ErrnoException, []);
        });
    };
  }

  function open(endpoint: Endpoint): Socket {
    const target = {
      host: endpoint.host,
      port: endpoint.port,
      lookup: lookupFor(endpoint),
      autoSelectFamily: true,
      noDelay: true,
      keepAlive: true,
    };
    if (endpoint.protocol === 'http:') return netConnect(target);
    return tlsConnect({
      ...target,
      secureContext: secureContext(),
      // SNI names a host; literals are not sent (RFC 6066).
      servername: isIP(endpoint.certificateName) === 0 ? endpoint.certificateName : '',
      rejectUnauthorized: true,
      checkServerIdentity: (_host, certificate) => checkServerIdentity(endpoint.certificateName, certificate),
      ALPNProtocols: ['http/1.1'],
    });
  }

  return (endpoint, maxBytes) => (_options, callback) => {
    if (isIP(endpoint.host) !== 0 && !allowed(endpoint, endpoint.host)) {
      callback(refused(endpoint.host), null);
      return;
    }
    let connected = false;
    let answered = false;
    const socket = open(endpoint);
    const answer = (error: Error | null) => {
      if (answered) return;
      answered = true;
      clearTimeout(timer);
      if (error === null) {
        meterAnswers(socket, maxBytes);
        callback(null, socket);
      } else {
        socket.destroy();
        callback(error, null);
      }
    };
    const timer = setTimeout(
      () => answer(new OutboundError('connect', `${endpoint.host} did not answer in time.`)),
      settings.timeoutMs,
    );
    socket.on('connect', () => {
      connected = true;
      const address = socket.remoteAddress;
      if (address === undefined || !allowed(endpoint, address)) answer(refused(endpoint.host));
      else if (endpoint.protocol === 'http:') answer(null);
    });
    socket.on('secureConnect', () => answer(null));
    socket.on('error', (error: NodeJS.ErrnoException) => {
      if (error instanceof OutboundError) answer(error);
      else if (connected && !['ECONNRESET', 'EPIPE'].includes(error.code ?? ''))
        answer(new OutboundError('certificate', `TLS with ${endpoint.host} failed: ${error.message}`, error));
      else answer(new OutboundError('connect', `${endpoint.host} cannot be connected to: ${error.code}`, error));
    });
    socket.on('close', () => answer(new OutboundError('connect', `${endpoint.host} closed the connection.`)));
  };
}
