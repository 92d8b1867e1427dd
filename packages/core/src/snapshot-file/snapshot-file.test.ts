import { randomBytes } from 'node:crypto'
import { chmod, mkdtemp, readdir, readFile, rm, stat, symlink, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { LivetreeError } from '../errors.ts'
import { unseal } from './seal.ts'
import { decodeDocument, type SnapshotDocument } from './snapshot-document.ts'
import { SnapshotFile } from './snapshot-file.ts'

let directory: string
let path: string

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'livetree-snapshot-'))
  path = join(directory, 'made', 'on-demand', 'app.snapshot')
})
afterEach(() => rm(directory, { recursive: true }))

const snapshot: SnapshotDocument = {
  name: 'checkout',
  fingerprint: 'f1',
  takenAt: 1_000,
  hasSecrets: true,
  sources: [
    {
      name: 'etcd',
      revision: 57,
      epoch: 1,
      provenAt: 900,
      layers: [
        {
          name: 'etcd:/config/prod',
          leaves: [
            { path: 'db/url', value: 'postgres://user:hunter2@db/x', revision: 12 },
            { path: 'typed', value: { list: [1, true, null, 'ü'] }, revision: 57 },
          ],
        },
      ],
    },
  ],
}

const codeOf = (promise: Promise<unknown>) =>
  promise.then(
    () => 'resolved',
    (error: unknown) => (error instanceof LivetreeError ? error.code : error),
  )

const keys: [string, string | Uint8Array | undefined][] = [
  ['no key', undefined],
  ['a passphrase', 'correct horse'],
  ['a key of bytes', randomBytes(32)],
]

describe('SnapshotFile at the path of another file', () => {
  const foreign: readonly (readonly [string, string | Buffer])[] = [
    ['text', 'my precious'],
    ['a configuration', 'port: 1\n'],
    ['JSON', '{"livetree": 1}'],
    ['empty JSON', '{}'],
    ['the beginning of another document', '{"livetree":"export","snapshot":1}'],
    ['bytes', randomBytes(5_000)],
    ['zeros', Buffer.alloc(4_096)],
    ['one byte', 'x'],
    ['much blank', `${' '.repeat(100)}x`],
  ]
  it.each(foreign)('leaves it as it is, and says what to do: %s', async (_what, content) => {
    path = join(directory, 'theirs')
    const link = join(directory, 'link')
    await writeFile(path, content)
    await symlink('theirs', link)
    for (const key of ['correct horse', undefined])
      for (const at of [path, link]) {
        const file = new SnapshotFile(at, key)
        const advice = `${at} is not a snapshot but a file of another kind, so it is neither read nor replaced. Give the snapshot another path, or delete the file if nobody needs it.`
        await expect(file.read()).rejects.toMatchObject({
          code: 'snapshot_damaged',
          message: `[snapshot_damaged] ${advice}`,
        })
        await expect(file.write(snapshot)).rejects.toMatchObject({ code: 'snapshot_not_written' })
        await expect(file.write(snapshot)).rejects.toThrow(advice)
        expect(await readFile(path)).toEqual(Buffer.from(content))
      }
    expect((await readdir(directory)).sort()).toEqual(['link', 'theirs'])
  })

  it.each(keys)(
    'replaces a snapshot that is damaged anywhere, or of another version or key: %s',
    async (_what, key) => {
      const file = new SnapshotFile(path, key)
      await file.write(snapshot)
      const whole = await readFile(path)
      const flipped = (at: number) => {
        const bytes = Buffer.from(whole)
        bytes[at] = (bytes[at] ?? 0) ^ 0x10
        return bytes
      }
      const next = new SnapshotFile(path, undefined)
      const ours = [
        ...[0, 1, 5, 22, 23, 40, whole.length - 1].flatMap((at) => [flipped(at), whole.subarray(0, at)]),
        Buffer.from('\n'),
        Buffer.from('{"livetree":"snapshot","format":99}\nlater'),
      ]
      for (const bytes of ours) {
        await writeFile(path, bytes)
        await next.write(snapshot)
        expect((await next.read()).name).toBe('checkout')
      }
    },
  )
})

describe.each(keys)('SnapshotFile with %s', (_what, key) => {
  it('gives back what was written, 0600, with nothing else left in the directory', async () => {
    const file = new SnapshotFile(path, key)
    await file.write(snapshot)
    await file.write({ ...snapshot, takenAt: 2_000 })
    expect(await new SnapshotFile(path, key).read()).toEqual({ ...snapshot, takenAt: 2_000 })
    expect((await stat(path)).mode & 0o777).toBe(0o600)
    expect(await readdir(join(path, '..'))).toEqual(['app.snapshot'])
  })

  it('answers every cut and flipped bit with a defined error', async () => {
    await new SnapshotFile(path, key).write(snapshot)
    const good = await readFile(path)
    const read = async (bytes: Buffer) => decodeDocument(await unseal(bytes, key, path), path)
    const defined = ['snapshot_damaged', 'snapshot_locked', 'snapshot_outdated']
    // with a key each try costs a tenth of a second of scrypt: a sample then, else every byte
    const stride = key === undefined ? 1 : Math.ceil(good.length / 6)
    for (let at = 0; at < good.length; at += stride) {
      const bad = Buffer.from(good)
      bad[at]! ^= 1 << (at % 8)
      expect(defined).toContain(await codeOf(read(bad)))
      expect(defined).toContain(await codeOf(read(good.subarray(0, at))))
    }
    expect(await read(good)).toEqual(snapshot)
  })
})

describe('SnapshotFile', () => {
  it('encrypts: no value, path or name is readable, and the same state never looks the same', async () => {
    const file = new SnapshotFile(path, 'correct horse')
    await file.write(snapshot)
    const first = await readFile(path, 'latin1')
    for (const text of ['hunter2', 'db/url', 'checkout', 'etcd']) expect(first).not.toContain(text)
    await file.write(snapshot)
    expect(await readFile(path, 'latin1')).not.toBe(first)
  })

  it('tells a wrong key, a missing key and an unencrypted file apart from damage', async () => {
    await new SnapshotFile(path, 'right').write(snapshot)
    expect(await codeOf(new SnapshotFile(path, 'wrong').read())).toBe('snapshot_locked')
    expect(await codeOf(new SnapshotFile(path, undefined).read())).toBe('snapshot_locked')
    await new SnapshotFile(path, undefined).write(snapshot)
    await rm(`${path}.locked`)
    expect(await codeOf(new SnapshotFile(path, 'right').read())).toBe('snapshot_locked')
  })

  it.each([true, false])(
    'of another key is kept when a new one is written; read before: %s',
    async (reads) => {
      const later = { ...snapshot, takenAt: 2_000 }
      await new SnapshotFile(path, 'right').write(snapshot)
      const wrong = new SnapshotFile(path, 'wrong')
      if (reads) await expect(wrong.read()).rejects.toThrow(`it is kept as ${path}.locked`)
      for (let count = 0; count < 2; count++) await wrong.write(later)
      expect(await new SnapshotFile(path, 'wrong').read()).toEqual(later)
      const right = new SnapshotFile(path, 'right')
      expect(await right.read()).toEqual(snapshot)
      // Now the other one is what would be lost.
      await right.write({ ...snapshot, takenAt: 3_000 })
      expect(await new SnapshotFile(path, 'right').read()).toMatchObject({ takenAt: 3_000 })
      expect(await new SnapshotFile(path, 'wrong').read()).toEqual(later)
    },
  )

  it('of a third key takes the place of neither, until the one that is kept is a week old', async () => {
    for (const key of ['first', 'second']) await new SnapshotFile(path, key).write(snapshot)
    const third = new SnapshotFile(path, 'third')
    await expect(third.write(snapshot)).rejects.toThrow(
      `neither it nor ${path}.locked, which was kept at an earlier start, opens with the given snapshot.key`,
    )
    expect(await new SnapshotFile(path, 'first').read()).toEqual(snapshot)
    expect(await new SnapshotFile(path, 'second').read()).toEqual(snapshot)
    const old = new Date(Date.now() - 8 * 24 * 60 * 60 * 1_000)
    await utimes(`${path}.locked`, old, old)
    await third.write(snapshot)
    expect(await new SnapshotFile(path, 'second').read()).toEqual(snapshot)
    expect(await new SnapshotFile(path, 'third').read()).toEqual(snapshot)
  })

  it('is not kept in the place of a file of another kind', async () => {
    await new SnapshotFile(path, 'right').write(snapshot)
    await writeFile(`${path}.locked`, 'my precious')
    expect(await codeOf(new SnapshotFile(path, 'wrong').write(snapshot))).toBe('snapshot_not_written')
    expect(await readFile(`${path}.locked`, 'utf8')).toBe('my precious')
    expect(await new SnapshotFile(path, 'right').read()).toEqual(snapshot)
  })

  it('refuses another format and what is no snapshot', async () => {
    await expect(new SnapshotFile(path, undefined).read()).rejects.toMatchObject({ code: 'snapshot_missing' })
    const file = new SnapshotFile(join(directory, 'app.snapshot'), undefined)
    await writeFile(file.path, '{"livetree":"snapshot","format":2,"cipher":"none"}\n')
    expect(await codeOf(file.read())).toBe('snapshot_outdated')
    for (const content of [
      '',
      '\n',
      'null\n',
      '{}\n',
      '{"livetree":"snapshot","format":1,"cipher":"rot13"}\n',
    ]) {
      await writeFile(file.path, content)
      expect(await codeOf(file.read())).toBe('snapshot_damaged')
    }
  })

  it.each(['salt', 'iv', 'check'])(
    'answers a header whose %s is no text with a defined error',
    async (name) => {
      const header = { livetree: 'snapshot', format: 1, cipher: 'aes-256-gcm', [name]: 5 }
      const file = new SnapshotFile(join(directory, 'app.snapshot'), 'a key')
      await writeFile(file.path, `${JSON.stringify(header)}\n`)
      expect(await codeOf(file.read())).toBe('snapshot_damaged')
    },
  )

  it.each([undefined, 1n, new Date(0), Number.NaN, { a: new Map() }])(
    'refuses to lose the value %s',
    async (value) => {
      const leaf = { path: 'a', value, revision: 1 }
      const sources = [{ ...snapshot.sources[0]!, layers: [{ name: 'l', leaves: [leaf] }] }]
      const file = new SnapshotFile(path, undefined)
      await file.write(snapshot)
      await expect(file.write({ ...snapshot, sources })).rejects.toMatchObject({
        code: 'snapshot_not_written',
      })
      expect(await file.read()).toEqual(snapshot)
    },
  )

  it('reports a directory it cannot write to, and leaves nothing behind', async () => {
    await writeFile(join(directory, 'taken'), '')
    const file = new SnapshotFile(join(directory, 'taken', 'app.snapshot'), undefined)
    expect(await codeOf(file.write(snapshot))).toBe('snapshot_not_written')
    const blocked = new SnapshotFile(directory, undefined)
    expect(await codeOf(blocked.write(snapshot))).toBe('snapshot_not_written')
    expect(await readdir(directory)).toEqual(['taken'])
    await chmod(directory, 0o700)
  })
})
