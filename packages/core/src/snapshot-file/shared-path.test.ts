import { createHash } from 'node:crypto'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import * as z from 'zod'
import { defineConfig } from '../define-config.ts'
import { createManualSource } from '../testing/manual-source.ts'
import { encodeDocument, type SnapshotDocument } from './snapshot-document.ts'
import { SnapshotFile } from './snapshot-file.ts'

const folder = mkdtempSync(join(tmpdir(), 'livetree-shared-path-'))
afterAll(() => rmSync(folder, { recursive: true }))
let files = 0
const newPath = () => join(folder, `${++files}.snapshot`)

const schema = z.object({ a: z.string() })
const [shop, other] = ['shop', 'other'].map((name) => defineConfig({ name, schema })) as [
  ReturnType<typeof defineConfig<typeof schema>>,
  ReturnType<typeof defineConfig<typeof schema>>,
]

async function start(definition: typeof shop, path: string, value = 'x', key?: string) {
  const source = createManualSource({ name: 'store' })
  const snapshot = { path, intervalMs: 0, ...(key !== undefined && { key }) }
  const loading = definition.load({ sources: [source], snapshot, logger: false })
  if (source.isOpen) source.replace(1, { a: value })
  return loading
}

const nameIn = async (path: string) => (await new SnapshotFile(path, undefined).read()).name

describe('one snapshot.path for two configurations', () => {
  it.each([
    ['other', (path: string) => path],
    ['the same', (path: string) => path],
    ['the same, written otherwise', (path: string) => path.replace(/[^/]+$/, './/$&')],
  ])('is refused in one process while one is open: %s name', async (name, again) => {
    const path = newPath()
    const config = await start(shop, path)
    const second = start(name === 'other' ? other : shop, again(path))
    await expect(second).rejects.toMatchObject({
      code: 'invalid_options',
      message: expect.stringMatching(
        /in this process has the snapshot .*snapshot\.path of its own/,
      ) as string,
    })
    expect(config.status.state).toBe('live')
    await config.close()
    const reloaded = await start(shop, path, 'y')
    expect(reloaded.current.a).toBe('y')
    await reloaded.close()
    expect(readFileSync(path, 'utf8')).toContain('"y"')
  })

  it.each<[string, (path: string) => string]>([
    [
      'a link to the file',
      (path) => {
        symlinkSync(path, `${path}.link`)
        return `${path}.link`
      },
    ],
    [
      'a link to a link, which is relative',
      (path) => {
        symlinkSync(basename(path), `${path}.first`)
        symlinkSync(`${basename(path)}.first`, `${path}.second`)
        return `${path}.second`
      },
    ],
    [
      'a link to the directory',
      (path) => {
        symlinkSync(folder, `${path}.folder`)
        return join(`${path}.folder`, basename(path))
      },
    ],
    [
      'a detour by ..',
      (path) => {
        mkdirSync(`${path}.d`)
        return `${path}.d/../${basename(path)}`
      },
    ],
  ])('by %s: the one that wrote first keeps it, until it is closed', async (_, otherPath) => {
    const path = newPath()
    const config = await start(shop, path, 'mine')
    await expect.poll(() => readFileSync(path, 'utf8')).toContain('"mine"')
    const second = await start(shop, otherPath(path), 'theirs')
    await expect.poll(() => second.status.snapshotError?.message).toContain(`by the path ${path}`)
    expect(second.status.snapshotError?.message).toContain('snapshot.path of its own')
    expect(second.health.reason).toContain('snapshot')
    expect(readFileSync(path, 'utf8')).toContain('"mine"')
    await config.close()
    await second.close()
    expect(readFileSync(path, 'utf8')).toContain('"theirs"')
    await (await start(shop, path, 'again')).close()
    expect(readFileSync(path, 'utf8')).toContain('"again"')
  })

  it('is free again after a load that failed', async () => {
    const path = newPath()
    const failing = defineConfig({ name: 'shop', schema: z.object({ a: z.number() }) })
    for (let count = 0; count < 2; count++)
      await expect(start(failing as never, path)).rejects.toMatchObject({ code: 'invalid_config' })
    await (await start(shop, path)).close()
  })

  it('leaves the file to the one whose it is, and says so, until it is deleted', async () => {
    const path = newPath()
    await (await start(other, path)).close()
    const before = readFileSync(path)
    const config = await start(shop, path)
    await expect.poll(() => config.status.snapshotError?.message).toContain('is of configuration "other"')
    expect(config.status.snapshotError?.message).toMatch(
      /path of its own; if this one has been renamed, delete/,
    )
    expect(config.health.reason).toContain('snapshot')
    await config.close()
    expect(readFileSync(path)).toEqual(before)
    rmSync(path)
    await (await start(shop, path)).close()
    expect(await nameIn(path)).toBe('shop')
  })

  it('also where a file of an earlier version says no owner', async () => {
    const path = newPath()
    await (await start(other, path)).close()
    const file = new SnapshotFile(path, undefined)
    const document = await file.read()
    writeFileSync(path, ofEarlierVersion(document))
    await expect(file.write({ ...document, name: 'shop' })).rejects.toThrow(/is of configuration "other"/)
    await file.write({ ...document, takenAt: 1 })
    expect((await file.read()).takenAt).toBe(1)
  })

  it('also where the file is encrypted, and cannot be read', async () => {
    const path = newPath()
    const document = { name: 'other', fingerprint: '', takenAt: 0, hasSecrets: true, sources: [] }
    await new SnapshotFile(path, 'a key').write(document)
    const writing = new SnapshotFile(path, undefined).write({ ...document, name: 'shop' })
    await expect(writing).rejects.toThrow(/is of another configuration/)
    expect(readFileSync(path, 'latin1')).not.toContain('other')
  })

  it.each([
    '{"livetree":"snapshot","format":1,"cipher":"none"}\nnonsense',
    '{"livetree":"snapshot","format":1,"owner":"x","cipher":"none"}\nnonsense',
    '{"livetree":"snapshot","form',
  ])("a damaged file is nobody's: %j", async (text) => {
    const path = newPath()
    writeFileSync(path, text)
    await (await start(shop, path)).close()
    expect(await nameIn(path)).toBe('shop')
  })
})

/** As the version before wrote it. */
function ofEarlierVersion(document: SnapshotDocument): Buffer {
  const line = Buffer.from('{"livetree":"snapshot","format":1,"cipher":"none"}\n')
  const content = encodeDocument(document)
  const digest = createHash('sha256').update(line).update(content).digest()
  return Buffer.concat([line, content, digest])
}
