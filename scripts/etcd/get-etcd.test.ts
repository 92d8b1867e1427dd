import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeEach, describe, expect, test } from 'vitest'
import { inspectEtcd, isWanted, seriesOf } from './etcd-binaries.ts'
import { readAptSystem } from './fetch-from-apt.ts'
import { fetchFromRelease, releaseVersions } from './fetch-from-release.ts'
import { findEtcd } from './find-etcd.ts'
import { runBounded } from './run-bounded.ts'

const folder = mkdtempSync(join(tmpdir(), 'livetree-get-etcd-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** A folder with programs that only tell their version, as shell scripts. */
function fakeEtcd(name: string, version: string, programs = ['etcd', 'etcdctl']): string {
  const path = join(folder, name)
  mkdirSync(path, { recursive: true })
  for (const program of programs) {
    writeFileSync(join(path, program), `#!/bin/sh\necho "etcd Version: ${version}"\n`)
    chmodSync(join(path, program), 0o755)
  }
  return path
}

test.each([
  ['3.3.25', undefined],
  ['3.4.23', '3.4'],
  ['3.5.30', 'current'],
  ['3.10.0', 'current'],
  ['4.0.0', 'current'],
])('etcd %s belongs to the series %s', (version, series) => {
  expect(seriesOf(version)).toBe(series)
  expect(isWanted(version, undefined)).toBe(series !== undefined)
})

describe('findEtcd', () => {
  test('prefers LIVETREE_ETCD, as folder or as server, over PATH', async () => {
    const [named, onPath] = [fakeEtcd('named', '3.5.9'), fakeEtcd('path', '3.5.1')]
    for (const LIVETREE_ETCD of [named, join(named, 'etcd')]) {
      const { found } = await findEtcd('current', { LIVETREE_ETCD, PATH: onPath })
      expect(found).toEqual({ etcd: join(named, 'etcd'), etcdctl: join(named, 'etcdctl'), version: '3.5.9' })
    }
  })

  test('passes over what is of another series, and says so', async () => {
    const [named, onPath] = [fakeEtcd('old', '3.4.9'), fakeEtcd('path', '3.5.1')]
    const { found, passedOver } = await findEtcd('current', { LIVETREE_ETCD: named, PATH: onPath })
    expect(found?.version).toBe('3.5.1')
    expect(passedOver).toEqual(['LIVETREE_ETCD is etcd 3.4.9'])
  })

  test('does not pass over a LIVETREE_ETCD that does not run', async () => {
    const nowhere = join(folder, 'nowhere')
    await expect(findEtcd(undefined, { LIVETREE_ETCD: nowhere })).rejects.toThrow(/LIVETREE_ETCD.*unset it/)
  })

  test('says that an etcdctl is missing', async () => {
    const path = fakeEtcd('alone', '3.5.1', ['etcd'])
    expect(await inspectEtcd(join(path, 'etcd'))).toMatch(/no etcdctl beside it/)
  })
})

test.each([
  ['ID=debian\nVERSION_CODENAME=bookworm\n', { id: 'debian', codename: 'bookworm' }],
  [
    'ID=linuxmint\nID_LIKE="ubuntu debian"\nUBUNTU_CODENAME=noble\nVERSION_CODENAME=zara\n',
    { id: 'ubuntu', codename: 'noble' },
  ],
  ['ID=fedora\n', undefined],
])('readAptSystem reads %j', (content, expected) => {
  const path = join(folder, 'os-release')
  writeFileSync(path, content)
  expect(readAptSystem(path, '/bin/sh')).toEqual(expected)
})

describe.runIf(process.platform === 'linux')('fetchFromRelease', () => {
  let server: Server
  let url: string
  const files = new Map<string, Buffer>()

  beforeEach(async () => {
    server = createServer((request, response) => {
      const content = files.get(request.url?.split('/').at(-1) ?? '')
      response.writeHead(content === undefined ? 404 : 200).end(content)
    }).listen(0, '127.0.0.1')
    await once(server, 'listening')
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  })

  afterEach(async () => {
    files.clear()
    server.closeAllConnections()
    server.close()
    await once(server, 'close')
  })

  async function publish(): Promise<{ name: string; archive: string }> {
    const name = `etcd-v${releaseVersions['3.4']}-linux-${{ x64: 'amd64' }[process.arch as string] ?? process.arch}`
    fakeEtcd(name, releaseVersions['3.4'])
    await runBounded('tar', ['-czf', `${name}.tar.gz`, name], { cwd: folder })
    const content = readFileSync(join(folder, `${name}.tar.gz`))
    files.set(`${name}.tar.gz`, content)
    const sum = createHash('sha256').update(content).digest('hex')
    files.set('SHA256SUMS', Buffer.from(`${'0'.repeat(64)}  other.zip\n${sum}  ${name}.tar.gz\n`))
    return { name, archive: `${name}.tar.gz` }
  }

  test('unpacks an archive that has the published sum', async () => {
    const { name } = await publish()
    const path = await fetchFromRelease('3.4', join(folder, 'work'), () => {}, url)
    expect(path).toBe(join(folder, 'work', name))
    expect(await inspectEtcd(join(path, 'etcd'))).toMatchObject({ version: releaseVersions['3.4'] })
  })

  test('refuses one that has not', async () => {
    const { archive } = await publish()
    files.set(archive, Buffer.concat([files.get(archive) ?? Buffer.alloc(0), Buffer.from('!')]))
    await expect(fetchFromRelease('3.4', join(folder, 'bad'), () => {}, url)).rejects.toThrow(/not used/)
  })

  test('names the address it could not download', async () => {
    await expect(fetchFromRelease('3.4', join(folder, 'none'), () => {}, url)).rejects.toThrow(
      /cannot download .*SHA256SUMS: HTTP status 404/,
    )
  })
})
