import { randomBytes } from 'node:crypto'
import { lstat, mkdir, open, readlink, realpath, rename, rm, stat } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { absolutePath } from '../source/absolute-path.ts'

/** Linux follows as many links. */
const MOST_LINKS = 40

/**
 * Puts a file in place in one step: who reads it finds the old content or the new, also after a crash or a power cut.
 * Only the owner can read it (0600). Makes the directory (0700) if there is none. A link stays, and the file that it
 * names is replaced. What is no regular file (a device, a pipe, a socket) is left alone.
 *
 * @param hooks.take called with the path of the file itself, without links, before anything is written; may throw
 * @param hooks.assertMeant called when the new content is written, before it takes the place of the old one; may throw
 * @throws Error if the path names anything but a regular file, or the write fails
 */
export async function writeAtomically(
  path: string,
  content: Uint8Array,
  hooks: { readonly take?: (file: string) => void; readonly assertMeant?: () => void } = {},
): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 })
  const target = await targetOf(path)
  hooks.take?.(join(await realpath(dirname(target)), basename(target)))
  const temporary = `${target}.${process.pid}-${randomBytes(4).toString('hex')}.tmp`
  try {
    const handle = await open(temporary, 'wx', 0o600)
    try {
      await handle.writeFile(content)
      await handle.sync()
    } finally {
      await handle.close()
    }
    hooks.assertMeant?.()
    await rename(temporary, target)
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => {})
    // The same failure has the same message each time, so that it is reported once.
    if (error instanceof Error) error.message = error.message.replaceAll(temporary, target)
    throw error
  }
  await syncDirectory(dirname(target))
}

/** Follows links to the file that is to be replaced, which need not exist yet. */
async function targetOf(path: string): Promise<string> {
  const there = await stat(path).catch(unlessMissing)
  if (there !== undefined && !there.isFile()) throw new Error('it is not a regular file')
  let target = path
  for (let count = 0; count < MOST_LINKS; count++) {
    if ((await lstat(target).catch(unlessMissing))?.isSymbolicLink() !== true) return target
    target = absolutePath(await readlink(target), dirname(target))
  }
  throw new Error('it is a link to itself')
}

function unlessMissing(error: NodeJS.ErrnoException): undefined {
  if (error.code !== 'ENOENT') throw error
}

/** Makes the rename itself survive a power cut, where the platform lets a directory be opened. */
async function syncDirectory(directory: string): Promise<void> {
  const handle = await open(directory, 'r').catch(() => undefined)
  await handle?.sync().catch(() => {})
  await handle?.close()
}
