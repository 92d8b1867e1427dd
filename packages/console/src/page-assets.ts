import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'

/** A file of the page, as it was built. */
export interface PageAsset {
  readonly body: string
  readonly contentType: string
  readonly etag: string
}

const TYPES: Readonly<Record<string, string>> = {
  'app.js': 'text/javascript; charset=utf-8',
  'app.css': 'text/css; charset=utf-8',
}

const loaded = new Map<string, Promise<PageAsset>>()

/** A file of the page by its name; undefined for every other name. Each is read once. */
export function pageAsset(name: string): Promise<PageAsset> | undefined {
  const contentType = Object.hasOwn(TYPES, name) ? TYPES[name] : undefined
  if (contentType === undefined) return undefined
  const known = loaded.get(name)
  if (known !== undefined) return known
  const asset = readAsset(name, contentType)
  loaded.set(name, asset)
  asset.catch(() => loaded.delete(name))
  return asset
}

/** The built files stand in `dist/ui`, beside this file's own folder, whether that is `dist` or `src`. */
async function readAsset(name: string, contentType: string): Promise<PageAsset> {
  const body = await readFile(new URL(`../dist/ui/${name}`, import.meta.url), 'utf8')
  const etag = `"${createHash('sha256').update(body).digest('base64url').slice(0, 22)}"`
  return { body, contentType, etag }
}
