import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { fetchOwnPackages, readAptSystem } from './fetch-from-apt.ts'

/**
 * A folder of `.cache/packages` with unpacked Debian packages, fetched through apt when it is not there yet. Nothing is installed.
 *
 * @param name of the folder
 * @returns the folder, which has `usr/bin` and the like in it
 * @throws Error that says what is missing
 */
export async function ownPackages(name: string, packages: readonly string[]): Promise<string> {
  const folder = fileURLToPath(new URL(`../../.cache/packages/${name}`, import.meta.url))
  if (existsSync(folder)) return folder
  if (readAptSystem() === undefined)
    throw new Error(`There is no apt to fetch ${packages.join(', ')} with: install them.`)
  mkdirSync(dirname(folder), { recursive: true })
  const work = mkdtempSync(`${folder}-fetch-`)
  try {
    await fetchOwnPackages(packages, work)
    renameSync(join(work, 'root'), folder)
  } catch (error) {
    // Another process has put it there meanwhile.
    if (!existsSync(folder)) throw error
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
  return folder
}
