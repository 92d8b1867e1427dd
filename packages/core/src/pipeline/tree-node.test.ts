import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { TreeNode } from './tree-node.ts'

/** More than are kept in a list: in order, and not as text alone is. */
const NAMES = [
  ...Array.from({ length: 20 }, (_, index) => `${index}`),
  '-1',
  '01',
  'A',
  'Z',
  'a',
  'a0',
  'a1',
  'a10',
].concat(
  Array.from({ length: 10 }, (_, index) => `name-${index}`),
  ['é', '\ud83d\ude00', '\uffff'],
)

describe('TreeNode', () => {
  it('has the children that were made and not dropped, in the order of their names, few or many', () => {
    const edits = fc.array(fc.record({ name: fc.constantFrom(...NAMES), isDrop: fc.boolean() }), {
      maxLength: 200,
    })
    fc.assert(
      fc.property(edits, (all) => {
        const node = new TreeNode('')
        const model = new Map<string, TreeNode>()
        for (const { name, isDrop } of all) {
          const known = model.get(name)
          expect(node.child(name)).toBe(known)
          if (isDrop && known !== undefined) {
            node.dropChild(known)
            model.delete(name)
          } else if (!isDrop) {
            const child = node.makeChild(name)
            expect(child).toBe(known ?? child)
            model.set(name, child)
          }
          expect(node.childCount).toBe(model.size)
        }
        const names = NAMES.filter((name) => model.has(name))
        expect(Array.from(node.children, (child) => child.name)).toEqual(names)
        for (const child of node.children) expect(child).toBe(model.get(child.name))
        // the order in which JavaScript has the names of an object that was filled in this order
        expect(Object.keys(Object.fromEntries(names.map((name) => [name, 0])))).toEqual(names)
      }),
    )
  })

  it.each([3, NAMES.length])('meets each of %i children once while they are dropped on the way', (count) => {
    const node = new TreeNode('')
    for (const name of NAMES.slice(0, count).reverse()) node.makeChild(name)
    const met: string[] = []
    for (const child of node.children) {
      met.push(child.name)
      node.dropChild(child)
    }
    expect(met).toEqual(NAMES.slice(0, count))
    expect(node.childCount).toBe(0)
  })

  it('is fresh only for the floor it was judged at, until something below changes', () => {
    const node = new TreeNode('')
    expect([node.isDirty, node.isFresh(-1)]).toEqual([true, false])
    node.begin(2)
    node.markComposed()
    node.keep('value')
    expect([node.isFresh(2), node.isFresh(1), node.isFresh(-1)]).toEqual([true, false, false])
    expect([node.isValid, node.isComposed, node.isHeld, node.value, node.issues]).toEqual([
      true,
      true,
      true,
      'value',
      [],
    ])
    node.markDirty()
    expect([node.isFresh(2), node.value]).toEqual([false, 'value'])
  })

  it('has issues or a value, never both, and neither while it is being judged', () => {
    const issues = [{ path: [], code: 'custom', message: 'no' }]
    const node = new TreeNode('')
    node.keep('value', false)
    expect([node.isValid, node.isHeld]).toEqual([true, false])
    node.begin(-1)
    expect([node.isValid, node.isComposed, node.isHeld, node.value, node.issues]).toEqual([
      false,
      false,
      false,
      undefined,
      [],
    ])
    node.refuse(issues)
    expect([node.isValid, node.value, node.issues]).toEqual([false, undefined, issues])
  })
})
