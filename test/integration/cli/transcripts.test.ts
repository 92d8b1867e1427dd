import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { run } from '@livetree/cli'
import { createEtcdClient } from '@livetree/etcd'
import type { InstanceRecord } from 'livetree/fleet'
import { expect, test, vi } from 'vitest'
import { oneRealEtcd } from '../../support/each-etcd.ts'
import { makeCertificates } from '../../support/make-certificates.ts'
import { startFleet } from './support/fleet.ts'
import { makeWorkplace } from './support/livetree-process.ts'

/** Writes the page in place of comparing it: `LIVETREE_WRITE_DOCS=1`. */
const IS_WRITTEN = process.env['LIVETREE_WRITE_DOCS'] === '1'
const PAGE = new URL('../../../docs/operate.md', import.meta.url)

const SALE = `http:
  timeoutMs: 800
db:
  pool: { min: 5, max: 60 }
features:
  banner: true
  countdown: true
  coupons: true
  giftWrap: true
  newCart: true
  reviews: false
  wishList: true
`

/** The words of a command line, with quotes as a shell reads them. */
function wordsOf(line: string): readonly string[] {
  return [...line.matchAll(/"([^"]*)"|(\S+)/g)].map(([, quoted, plain]) => quoted ?? plain ?? '')
}

/** A user who may read the tree and nothing for operators. */
async function addReader(endpoint: string): Promise<void> {
  const auth = { username: 'root', password: 'secret-of-root' }
  await using root = createEtcdClient({ endpoints: [endpoint], auth })
  const { roles, users } = root.authAdmin
  await roles.add('reader')
  await roles.grant('reader', { access: 'read', range: { prefix: '/config/shop/' } })
  await users.add('reader', { password: 'secret-of-reader' })
  await users.grantRole('reader', 'reader')
}

/** What differs from run to run once instances write, too: their host, schemas, processes, and the revisions between writes. */
class PageNames {
  readonly #schemas = new Map<string, string>()
  #host = ''
  /** The revisions of the writes to the tree. Once instances write, too, the page counts these alone. */
  readonly #writes: number[] = []
  /** Up to here the page has every revision as it is. */
  #base = 0

  joined(record: InstanceRecord | undefined): void {
    if (record === undefined || this.#schemas.has(record.schema)) return
    if (this.#schemas.size === 0) this.#base = this.#writes.at(-1) ?? 0
    this.#host = record.host
    this.#schemas.set(record.schema, this.#schemas.size === 0 ? '85436029259db832' : '1f3b9c07a5e2d846')
  }

  wrote(text: string): void {
    const [, revision] = /^Applied .* at revision (\d+)\.$/m.exec(text) ?? []
    if (revision !== undefined) this.#writes.push(Number(revision))
  }

  /** The revision that the page means. */
  revisionOf(shown: string): string {
    if (this.#schemas.size === 0) return shown
    const index = this.#writes.findIndex((revision) => this.#count(revision) === Number(shown))
    return index < 0 ? shown : String(this.#writes[index])
  }

  #count(revision: number): number {
    return this.#base + this.#writes.filter((each) => each > this.#base && each <= revision).length
  }

  shown(text: string): string {
    if (this.#schemas.size === 0) return text
    const width = Math.max(this.#host.length, 'HOST'.length)
    let shown = text
      .replace(
        /(\b[Rr]evision|--to|--revision|\brejected) (\d+)/g,
        (_, word, n) => `${word} ${this.#count(Number(n))}`,
      )
      .replace(/(?<![.\d])(\d+) +(?=applied|rejected)/g, (all, n) =>
        String(this.#count(Number(n))).padEnd(all.length),
      )
      .replace(/(?<=applied +)\d+$/gm, (n) => String(this.#count(Number(n))))
      .replaceAll('HOST'.padEnd(width), 'HOST  ')
      .replaceAll(`${this.#host.padEnd(width)} `, 'node-7 ')
      .replace(new RegExp(`\\b${this.#host.replaceAll('.', '\\.')}\\b`, 'g'), 'node-7')
      .replace(/process \d+/g, 'process 4711')
    for (const [schema, name] of this.#schemas)
      shown = shown.replaceAll(schema, name + name).replaceAll(schema.slice(0, 8), name.slice(0, 8))
    return shown
  }
}

oneRealEtcd('docs/operate.md', (etcd) => {
  test('shows what the commands print', async () => {
    await using certificates = await makeCertificates()
    const [server, secured, guarded] = await Promise.all([
      etcd.start(),
      etcd.start({ tls: { certificates, requireClient: true } }),
      etcd.start({ auth: { password: 'secret-of-root' } }),
    ])
    await addReader(guarded.endpoint)
    await using fleet = startFleet(server.endpoint, '/config/shop')
    const names = new PageNames()
    const page = readFileSync(PAGE, 'utf8')
    const config = /```ts\n([\s\S]*?)```/.exec(page)?.[1]
    const place = makeWorkplace(config)
    vi.stubEnv('STORE', server.endpoint)
    place.write('sale.yaml', SALE)
    place.write('ca.crt', readFileSync(certificates.ca, 'utf8'))

    /** What one line of the page prints, as a person without colours sees it. */
    const output = async (line: string): Promise<string> => {
      const [piped = '', input] = line.includes(' | ') ? [line.split(' | ')[1], line.split(' | ')[0]] : [line]
      const [program, ...args] = wordsOf(piped)
      if (program === 'cat') return readFileSync(join(place.folder, args[0] ?? ''), 'utf8')
      if (program === 'etcdctl') return server.etcdctl(args)
      if (program === 'node') {
        const [, id = '', appVersion = ''] = args
        const member = await fleet.join(id, appVersion === '1.3.0' ? 50 : 200, { appVersion })
        names.joined(member.status.written)
        return ''
      }
      if (program === 'pkill') {
        await fleet.hang('web-2')
        return ''
      }
      let text = ''
      const sink = {
        isTTY: false,
        columns: 100,
        write(part: string, done?: () => void) {
          text += part
          done?.()
          return true
        },
      }
      const stdin = Readable.from(input === undefined ? [] : [`${wordsOf(input)[1]}\n`])
      const env = {
        LIVETREE_AUTHOR: 'ana@laptop',
        LIVETREE_TIMEOUT: '30s',
        LIVETREE_PASSWORD: 'secret-of-reader',
      }
      const given = args.map((word, index) =>
        args[index - 1] === '--to'
          ? names.revisionOf(word)
          : word
              .replace('https://127.0.0.1:12379', secured.endpoint)
              .replace('http://127.0.0.1:22379', guarded.endpoint),
      )
      const exitCode = await run(given, { stdin, stdout: sink, stderr: sink, env, cwd: place.folder })
      names.wrote(text)
      return exitCode === 0 ? text : `${text}[exit ${exitCode}]\n`
    }
    /** What differs from run to run. */
    const settled = (text: string): string =>
      names
        .shown(text)
        .replaceAll(guarded.endpoint, 'http://127.0.0.1:22379')
        .replaceAll(server.endpoint, 'http://127.0.0.1:12379')
        .replaceAll(secured.endpoint, 'https://127.0.0.1:12379')
        .replaceAll(place.folder, '/home/ana/shop')
        .replace(/\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(\.\d+Z)?/g, '2026-11-28 17:03:12')
        .replace(/etcd 3\.\d+\.\d+/g, 'etcd 3.5.30')
        .replace(/\d+\.\d MiB/g, '0.1 MiB')
        .replace(/\d+(\.\d)? ms/g, '2 ms')
        .replace(/ +$/gm, '')

    const blocks = page.split(/(?<=```console\n)([\s\S]*?)(?=```)/)
    for (const [index, block] of blocks.entries()) {
      if (index % 2 === 0) continue
      const lines = block.split('\n').filter((line) => line.startsWith('$ '))
      let shown = ''
      for (const line of lines) {
        const printed = settled(await output(line.slice(2)))
        shown += `${shown === '' || shown.endsWith('&\n') ? '' : '\n'}${line}\n${printed}`
      }
      blocks[index] = shown
    }
    place.remove()
    vi.unstubAllEnvs()
    const made = blocks.join('')
    expect(made).not.toMatch(/hunter2(?!@db\/shop)/)
    if (IS_WRITTEN) writeFileSync(PAGE, made)
    else expect(page).toBe(made)
  })
})
