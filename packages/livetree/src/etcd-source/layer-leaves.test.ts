import { isUtf8 } from 'node:buffer'
import type { ListedPage } from '@livetree/etcd'
import fc from 'fast-check'
import { expect, test } from 'vitest'
// biome-ignore lint/style/noRestrictedImports: applications only receive events; the test makes them.
import { WatchEvent } from '../../../etcd/src/watch/watch-handlers.ts'
import { TreeLayers } from './tree-layers.ts'
import { planOfDirectories, planOfRoot } from './tree-plan.ts'
import { rangesOf, TreeListing } from './tree-listing.ts'

const header = { clusterId: 7n, memberId: 1n, revision: 1, raftTerm: 2 }

interface Stored {
  readonly key: Buffer
  readonly value: Buffer
  readonly modRevision: number
}

/** What a reflector hands over of a range. */
function pageOf(stored: readonly Stored[]): ListedPage {
  const whole = { createRevision: 1, version: 1, lease: 0n }
  return {
    length: stored.length,
    entries: () => stored.map((kv) => ({ ...whole, ...kv })),
    texts: (skip = 0) => ({
      header,
      revision: 1,
      keys: stored.map(({ key }) => key.subarray(skip).toString()),
      values: stored.map(({ value }) => value.toString()),
      modRevisions: stored.map(({ modRevision }) => modRevision),
      notText: stored.flatMap(({ key, value }, index) =>
        isUtf8(key) && isUtf8(value) ? [] : [{ index, key: key.subarray(skip), value }],
      ),
    }),
  }
}

type Tree = Map<string, unknown>

const placeName = (layer: number, path: string) => `${layer}:${path}`

/** What an instance that starts now has. */
function fresh(overlays: TreeLayers, store: ReadonlyMap<string, Stored>): Tree {
  const listing = relisted(overlays, store)
  const tree: Tree = new Map()
  for (const [layer, leaves] of listing.finish().layers.entries()) {
    for (const { path, value, revision } of leaves) tree.set(placeName(layer, path), [value, revision])
  }
  return tree
}

/** Layers of one root, or directories that each are read alone, one of them at two places. */
function treeOf(at: string, names: readonly string[], isRoot: boolean): TreeLayers {
  if (isRoot) return new TreeLayers(planOfRoot(at, names))
  const unused = 'warn'
  const own = names.map((name) => ({ prefix: `${at}/${name}`, at: [], unused, isOptional: true }) as const)
  const mounted = { prefix: `${at}/base/a`, at: ['a', 'b'], unused, isOptional: true } as const
  return new TreeLayers(planOfDirectories([...own, mounted]))
}

const root = fc.constantFrom('/x', '/größe')
const overlayNames = fc.constantFrom([], ['base'], ['base', 'base/sub'], ['base', '.livetree/odd'])
const tail = fc.constantFrom(
  ...['', '/', '/base', '/base/', '/base//', '/base/a', '/base/a/', '/base/sub', '/base/sub/', '/base/sub/b'],
  ...['/base/a/b', '/base/a/.livetree/allow-removal', '/base/a/.livetree/x'],
  ...['/other', '/.livetree/allow-removal', '/.livetree/odd/a', '/base/.livetree', '/base/.livetree/a'],
)
const odd = fc.constantFrom(Buffer.alloc(0), Buffer.alloc(0), Buffer.of(0xff))
const value = fc.constantFrom(Buffer.from(''), Buffer.from('one'), Buffer.from('{"a":1}'), Buffer.of(0xfe))
const edit = fc.record({ tail, odd, value: fc.option(value, { nil: undefined }) })

test('LayerLeaves: a running source has what one that starts now has, after any history of keys', () => {
  fc.assert(
    fc.property(
      root,
      overlayNames,
      fc.boolean(),
      fc.array(edit, { maxLength: 30 }),
      fc.nat(30),
      (at, names, isRoot, edits, start) => {
        const overlays = treeOf(at, names, isRoot)
        const store = new Map<string, Stored>()
        let listing = new TreeListing(overlays)
        let running: Tree = new Map()
        for (const [index, { tail: end, odd: bytes, value: written }] of edits.entries()) {
          const key = Buffer.concat([Buffer.from(at + end), bytes])
          const name = key.toString('latin1')
          const modRevision = index + 2
          if (written === undefined && !store.delete(name)) continue
          if (written !== undefined) store.set(name, { key, value: written, modRevision })
          const kv = { key, value: written ?? Buffer.alloc(0), modRevision }
          const event = new WatchEvent(
            written === undefined ? 'delete' : 'put',
            { ...kv, createRevision: 1, version: 1, lease: 0n },
            undefined,
          )
          for (const { layer, leaf } of listing.leaves.changesOf(event)) {
            if (leaf.value === undefined) running.delete(placeName(layer, leaf.path))
            else running.set(placeName(layer, leaf.path), [leaf.value, leaf.revision])
          }
          // where it listed again in the middle of it, it goes on from there
          if (index === start) {
            running = fresh(overlays, store)
            listing = relisted(overlays, store)
          }
          expect(running).toEqual(fresh(overlays, store))
        }
      },
    ),
    { numRuns: 2_000 },
  )
})

test("livetree's own keys are no data of any layer that holds their directory", () => {
  const reserved = [
    '/x/.livetree/allow-removal',
    '/x/base/.livetree/allow-removal',
    '/x/base/a/.livetree/allow-removal',
    '/x/base/a/b/.livetree/c/d',
    '/x/base/.livetree',
    '/x/base/a/.livetree',
  ]
  const others = ['/x/base/x.livetree/a', '/x/base/.livetree2/a', '/x/base/.live/tree']
  const entries = [...reserved, ...others].map(
    (key) => [key, { key: Buffer.from(key), value: Buffer.from('1'), modRevision: 1 }] as const,
  )
  for (const tree of [treeOf('/x', [], true), treeOf('/x', ['base'], true), treeOf('/x', ['base'], false)]) {
    for (const key of reserved) expect(tree.locate(Buffer.from(key))).toEqual([])
    for (const key of others) expect(tree.locate(Buffer.from(key))).toHaveLength(1)
    const leaves = relisted(tree, new Map(entries)).finish().layers.flat()
    expect(leaves.map(({ path }) => path.replace('base/', ''))).toEqual(
      others.map((key) => key.slice('/x/base/'.length)).sort(),
    )
  }
})

function relisted(overlays: TreeLayers, store: ReadonlyMap<string, Stored>): TreeListing {
  const listing = new TreeListing(overlays)
  const { ranges, keys } = rangesOf(overlays)
  const sorted = [...store.values()].sort((a, b) => Buffer.compare(a.key, b.key))
  for (const [index, { prefix }] of ranges.entries()) {
    const bytes = Buffer.from(prefix)
    listing.take(index, pageOf(sorted.filter(({ key }) => key.subarray(0, bytes.length).equals(bytes))))
  }
  for (const [index, key] of keys.entries()) {
    listing.take(ranges.length + index, pageOf(sorted.filter((each) => each.key.equals(Buffer.from(key)))))
  }
  return listing
}
