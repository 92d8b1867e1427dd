import { randomBytes } from 'node:crypto'
import { closeSync, fsyncSync, openSync, renameSync, rmSync, writeSync } from 'node:fs'
import { dirname } from 'node:path'
import type { Clock } from '../clock.ts'
import { EtcdError } from '../errors.ts'
import type { Channel } from '../transport/transport.ts'
import { receiveSnapshot, type SnapshotOptions } from './snapshot.ts'

/** The saved file. */
export interface SavedSnapshot {
  readonly path: string
  readonly bytes: number
}

/**
 * Writes a snapshot next to its final path under a unique name and renames it when it is complete. If two
 * snapshots are saved to one path at once, one of them remains, complete. Each piece is written before the
 * next is read from the socket; that slows the server down, which pausing the response would not.
 *
 * @throws EtcdError `file_failed`
 */
export async function saveSnapshot(
  channel: Channel,
  clock: Clock,
  path: string,
  options: SnapshotOptions,
): Promise<SavedSnapshot> {
  const partial = `${path}.${randomBytes(8).toString('hex')}.part`
  let file: number | undefined
  try {
    const opened = openSync(partial, 'wx', 0o600)
    file = opened
    const bytes = await receiveSnapshot(channel, clock, (piece) => writeAll(opened, piece), options)
    fsyncSync(opened)
    file = undefined
    closeSync(opened)
    renameSync(partial, path)
    syncFolder(dirname(path))
    return { path, bytes }
  } catch (error) {
    discard(file, partial)
    throw error instanceof EtcdError ? error : failedFile(path, error)
  }
}

/** Removes the partial file. A failure to do so must not hide the original error. */
function discard(file: number | undefined, partial: string): void {
  try {
    if (file !== undefined) closeSync(file)
    rmSync(partial, { force: true })
  } catch {
    // The original error is reported.
  }
}

function failedFile(path: string, cause: unknown): EtcdError {
  const code = (cause as Partial<NodeJS.ErrnoException>).code ?? 'an error'
  return new EtcdError('file_failed', {
    call: CALL,
    what: `the snapshot cannot be written to ${path}: ${code}`,
    cause,
  })
}

const CALL = 'Maintenance/Snapshot'

function writeAll(file: number, piece: Buffer): void {
  for (let done = 0; done < piece.length; ) done += writeSync(file, piece, done)
}

/** Makes the new name survive a crash, on systems that can open a folder. */
function syncFolder(folder: string): void {
  try {
    const handle = openSync(folder, 'r')
    try {
      fsyncSync(handle)
    } finally {
      closeSync(handle)
    }
  } catch {
    // Windows cannot open a folder.
  }
}
