import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { run } from '@livetree/cli'
import { expect, test, vi } from 'vitest'
import { oneRealEtcd } from '../../support/each-etcd.ts'
import { makeCertificates } from '../../support/make-certificates.ts'
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

oneRealEtcd('docs/operate.md', (etcd) => {
  test('shows what the commands print', async () => {
    await using certificates = await makeCertificates()
    const [server, secured] = await Promise.all([
      etcd.start(),
      etcd.start({ tls: { certificates, requireClient: true } }),
    ])
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
      const env = { LIVETREE_AUTHOR: 'ana@laptop', LIVETREE_TIMEOUT: '30s' }
      const given = args.map((word) => word.replace('https://127.0.0.1:12379', secured.endpoint))
      const exitCode = await run(given, { stdin, stdout: sink, stderr: sink, env, cwd: place.folder })
      return exitCode === 0 ? text : `${text}[exit ${exitCode}]\n`
    }
    /** What differs from run to run. */
    const settled = (text: string): string =>
      text
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
      for (const line of lines)
        shown += `${shown === '' ? '' : '\n'}${line}\n${settled(await output(line.slice(2)))}`
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
