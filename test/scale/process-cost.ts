import { readdirSync, readFileSync, readlinkSync } from 'node:fs'

/** Milliseconds of processor time in a tick of `/proc/<pid>/stat`. */
const TICK_MS = 10

/** Processor time of a process so far, in milliseconds. */
export function cpuMs(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  const fields = stat.slice(stat.lastIndexOf(') ') + 2).split(' ')
  return (Number(fields[11]) + Number(fields[12])) * TICK_MS
}

/** Memory of a process in MiB: what it has now, and the most it ever had. */
export function memoryMib(pid: number): { readonly now: number; readonly most: number } {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  const read = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(status)?.[1]) / 1024
  return { now: read('VmRSS'), most: read('VmHWM') }
}

/** Number of sockets that a process has open. */
export function socketsOf(pid: number): number {
  const folder = `/proc/${pid}/fd`
  return readdirSync(folder).filter((name) => {
    try {
      return readlinkSync(`${folder}/${name}`).startsWith('socket:')
    } catch {
      // It was closed meanwhile.
      return false
    }
  }).length
}

/** Bytes that an etcd has sent to its clients, by its own metrics. */
export async function sentBytes(endpoint: string): Promise<number> {
  const text = await (await fetch(`${endpoint}/metrics`)).text()
  return Number(/^etcd_network_client_grpc_sent_bytes_total (\S+)$/m.exec(text)?.[1] ?? Number.NaN)
}
