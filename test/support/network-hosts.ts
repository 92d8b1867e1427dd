import { spawnSync } from 'node:child_process'
import { runAtDeath } from './child-guard.ts'

/** A host of its own as far as the network goes: a network namespace with one address, on a bridge of this machine. */
export interface NetworkHost {
  /** An IPv4 address that only this machine knows. */
  readonly address: string
  /** Put before a program and its arguments, it makes the program run there. */
  readonly launcher: readonly string[]
  /** Takes the cable out: the kernel drops what goes to it and what comes from it, and nobody is told. */
  cut(): void
  /** Puts the cable back in. */
  plug(): void
}

/** Hosts that reach each other and this machine, and nothing else. */
export interface NetworkHosts extends Disposable {
  readonly hosts: readonly NetworkHost[]
}

let made = 0

/** Makes so many hosts, at most 10. What runs on them has to have ended before they are disposed of. */
export function makeNetworkHosts(count: number): NetworkHosts {
  made += 1
  // names of interfaces have at most 15 characters
  const name = `lt${process.pid}x${made}`
  const bridge = `${name}br`
  const subnet = freeSubnet()
  const spaces = Array.from({ length: count }, (_, index) => `${name}${index}`)
  const remove = `for each in "$@"; do ip netns del "$each"; done 2> /dev/null; ip link del ${bridge} 2> /dev/null`
  const callOff = runAtDeath(remove, spaces)
  const dispose = () => {
    callOff()
    spawnSync('sh', ['-c', remove, 'sh', ...spaces])
  }
  try {
    ip(`link add name ${bridge} type bridge`)
    ip(`addr add ${subnet}.1/24 dev ${bridge}`)
    ip(`link set ${bridge} up`)
    const hosts = spaces.map((space, index) => makeHost(space, bridge, `${subnet}.${index + 10}`))
    return { hosts, [Symbol.dispose]: dispose }
  } catch (error) {
    dispose()
    throw error
  }
}

/** Why this machine has no such hosts, in a few words; undefined where it has. */
export function whyNoNetworkHosts(): string | undefined {
  try {
    makeNetworkHosts(1)[Symbol.dispose]()
    return undefined
  } catch (error) {
    return `network namespaces cannot be made here: ${(error as Error).message}`
  }
}

function makeHost(space: string, bridge: string, address: string): NetworkHost {
  const cable = `${space}c`
  ip(`netns add ${space}`)
  ip(`link add ${cable} type veth peer name eth0 netns ${space}`)
  ip(`link set ${cable} master ${bridge} up`)
  ip(`-n ${space} addr add ${address}/24 dev eth0`)
  for (const device of ['lo', 'eth0']) ip(`-n ${space} link set ${device} up`)
  return {
    address,
    launcher: ['ip', 'netns', 'exec', space],
    cut: () => ip(`link set ${cable} down`),
    plug: () => ip(`link set ${cable} up`),
  }
}

/** The first three numbers of addresses that are set aside for tests of networks (RFC 2544) and not in use here. */
function freeSubnet(): string {
  const inUse = ip('-o -4 addr show')
  const all = Array.from({ length: 256 }, (_, index) => `198.18.${(process.pid + index) % 256}`)
  const free = all.find((subnet) => !inUse.includes(` ${subnet}.`))
  if (free === undefined) throw new Error('all of 198.18.0.0/16 is in use')
  return free
}

function ip(command: string): string {
  const { error, status, stdout, stderr } = spawnSync('ip', command.split(' '), {
    encoding: 'utf8',
    timeout: 10_000,
  })
  if (status !== 0) throw new Error(`ip ${command}: ${error?.message ?? stderr.trim()}`)
  return stdout
}
