import { spawn } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Session } from '../session.ts'

const OPENERS: Readonly<Partial<Record<NodeJS.Platform, readonly [program: string, ...args: string[]]>>> = {
  darwin: ['open'],
  win32: ['explorer.exe'],
}

/** How long a browser may take to read the file, in milliseconds. */
const FILE_MS = 60_000

/**
 * Opens an address that holds a token in a browser. Everybody on the machine can read the arguments of a process, so the browser is
 * given a file that only this user may read, and that leads to the address. It is removed after a minute, or when the command ends.
 */
export async function openInBrowser(session: Session, url: string): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'livetree-console-'))
  const file = join(folder, 'open.html')
  const remove = () => rm(folder, { recursive: true, force: true })
  session.closing(remove)
  await writeFile(file, leadingTo(url), { mode: 0o600, flag: 'wx' })
  setTimeout(() => void remove().catch(() => {}), FILE_MS).unref()
  const [program, ...args] = OPENERS[process.platform] ?? ['xdg-open']
  const child = spawn(program, [...args, file], { stdio: 'ignore', detached: true })
  child.on('error', () =>
    session.warn(`There is no ${program} to open a browser with: open the address yourself.`),
  )
  child.unref()
}

/** @param url without characters that mean something in HTML */
function leadingTo(url: string): string {
  return `<!doctype html><meta charset="utf-8"><title>livetree</title>
<meta name="referrer" content="no-referrer"><meta http-equiv="refresh" content="0;url=${url}">
<a href="${url}">Open the console of livetree</a>
`
}
