import { closeSync, fsyncSync, openSync, renameSync, rmSync, writeSync } from 'node:fs'
import { dirname } from 'node:path'
import type { Clock } from '../clock.ts'
import type { Channel } from '../transport/transport.ts'
import { receiveSnapshot, type SnapshotOptions } from './snapshot.ts'

/** What was saved. */
export interface SavedSnapshot {
  readonly path: string
  readonly bytes: number
}

/**
 * Writes a snapshot beside its final path and renames it when it is whole. Each piece is written before the next is
 * taken from the socket: that, not a pause of the response, is what slows the server down.
 */
export const saveSnapshot = async (
  channel: Channel,
  clock: Clock,
  path: string,
  options: SnapshotOptions,
): Promise<SavedSnapshot> => {
  const partial = `${path}.part`
  const file = openSync(partial, 'w', 0o600)
  let isOpen = true
  try {
    const bytes = await receiveSnapshot(channel, clock, (piece) => writeAll(file, piece), options)
    fsyncSync(file)
    closeSync(file)
    isOpen = false
    renameSync(partial, path)
    syncFolder(dirname(path))
    return { path, bytes }
  } catch (error) {
    if (isOpen) closeSync(file)
    rmSync(partial, { force: true })
    throw error
  }
}

const writeAll = (file: number, piece: Buffer): void => {
  for (let done = 0; done < piece.length; ) done += writeSync(file, piece, done)
}

/** So that the new name survives a crash; systems that cannot open a folder keep it anyway. */
const syncFolder = (folder: string): void => {
  try {
    const handle = openSync(folder, 'r')
    try {
      fsyncSync(handle)
    } finally {
      closeSync(handle)
    }
  } catch {
    // Windows.
  }
}
