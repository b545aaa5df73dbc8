import { BlockList, isIP } from 'node:net';

/**
 * Which addresses outbound requests may reach. `refuse`: public ones only. `localhost`: loopback addresses too, but only for
 * hosts that are called localhost (or are loopback literals), for development on one machine. `allow`: all.
 */
export type PrivateAddresses = 'refuse' | 'localhost' | 'allow';

/** IPv4 ranges that are not on the public internet (IANA special-purpose registry), as `network/prefix`. */
const NOT_PUBLIC_V4 = [
  '0.0.0.0/8',
  '10.0.0.0/8',
  '100.64.0.0/10',
  '127.0.0.0/8',
  '169.254.0.0/16',
  '172.16.0.0/12',
  '192.0.0.0/24',
  '192.0.2.0/24',
  '192.88.99.0/24',
  '192.168.0.0/16',
  '198.18.0.0/15',
  '198.51.100.0/24',
  '203.0.113.0/24',
  '224.0.0.0/4',
  '240.0.0.0/4',
];

/** The only IPv6 block from which public addresses are given out; everything outside it is refused without naming it. */
const GLOBAL_V6 = ['2000::/3'];

/** What inside it is not public, or leads to an IPv4 address: Teredo and other protocol assignments, 6to4, documentation. */
const NOT_PUBLIC_V6 = ['2001::/23', '2001:db8::/32', '2002::/16', '3fff::/20'];

function blockList(subnets: readonly string[]): BlockList {
  const list = new BlockList();
  for (const subnet of subnets) {
    const [network, prefix] = subnet.split('/') as [string, string];
    list.addSubnet(network, Number(prefix), network.includes(':') ? 'ipv6' : 'ipv4');
  }
  return list;
}

const notPublicV4 = blockList(NOT_PUBLIC_V4);
const globalV6 = blockList(GLOBAL_V6);
const notPublicV6 = blockList(NOT_PUBLIC_V6);
// Two lists, because one that holds IPv4 ranges also takes in their IPv4-mapped IPv6 addresses.
const loopbackV4 = blockList(['127.0.0.0/8']);
const loopbackV6 = blockList(['::1/128']);

/** True for an address on the public internet. `address` is an IP literal without brackets; all else is not public. */
export function isPublicAddress(address: string): boolean {
  switch (isIP(address)) {
    case 4:
      return !notPublicV4.check(address, 'ipv4');
    case 6:
      // A zone (`fe80::1%eth0`) only means something for link-local addresses.
      return !address.includes('%') && globalV6.check(address, 'ipv6') && !notPublicV6.check(address, 'ipv6');
    default:
      return false;
  }
}

function isLoopback(address: string): boolean {
  const family = isIP(address);
  if (family === 4) return loopbackV4.check(address, 'ipv4');
  return family === 6 && !address.includes('%') && loopbackV6.check(address, 'ipv6');
}

/** True for host names that mean this very machine: `localhost`, `*.localhost` (RFC 6761) and loopback literals. */
export function isLocalhost(host: string): boolean {
  const name = host.toLowerCase();
  return name === 'localhost' || name.endsWith('.localhost') || isLoopback(name);
}

/**
 * Whether a connection to `address` may be made. `hosts` are the host names or literals by which it was come to: the one that
 * was asked for and the one that delegation or redirects led to. All must be localhost for the policy `localhost` to apply.
 */
export function mayConnect(policy: PrivateAddresses, hosts: readonly string[], address: string): boolean {
  if (policy === 'allow') return isIP(address) !== 0;
  if (isPublicAddress(address)) return true;
  return policy === 'localhost' && isLoopback(address) && hosts.every(isLocalhost);
}
