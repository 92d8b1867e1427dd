import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks'
import type { RowView, WirePath } from '../../src/wire/index.ts'
import { keyOf } from '../places.ts'
import { visibleLine } from '../visible.ts'
import type { RowStore } from './row-store.ts'

/** The height of a line, as the style sheet has it. */
const LINE = 28
/** How far each level is moved in, and the part of a line that names have, so that values stand below each other. */
const INDENT = 16
const NAMES = 0.42
/** Lines that are drawn above and below what is seen. */
const SPARE = 12

interface TreeListProps {
  readonly store: RowStore
  readonly total: number
  readonly selected: WirePath
  readonly onSelect: (path: WirePath, isEntered: boolean) => void
  readonly onToggle: (path: WirePath) => void
}

/** The lines of the tree. Only those in sight are in the document, however many there are. */
export function TreeList({ store, total, selected, onSelect, onToggle }: TreeListProps) {
  const box = useRef<HTMLDivElement>(null)
  const [view, setView] = useState({ top: 0, height: 600 })
  const [active, setActive] = useState(0)
  useLayoutEffect(() => {
    const element = box.current
    if (element === null) return
    const measure = () => setView({ top: element.scrollTop, height: element.clientHeight })
    measure()
    const observer = new ResizeObserver(measure)
    observer.observe(element)
    return () => observer.disconnect()
  }, [])
  const first = Math.max(0, Math.floor(view.top / LINE) - SPARE)
  const last = Math.min(total - 1, Math.ceil((view.top + view.height) / LINE) + SPARE)
  useEffect(() => store.ensure(first, last))
  const current = Math.min(active, Math.max(0, total - 1))
  const onKeyDown = (event: KeyboardEvent) => {
    const row = store.row(current)
    const target = targetOf(event.key, current, total, Math.floor(view.height / LINE), row)
    if (target === undefined) return
    event.preventDefault()
    if (target === 'toggle') return row !== undefined && onToggle(row.path)
    if (target === 'enter') return row !== undefined && onSelect(row.path, true)
    const index = target === 'parent' ? parentOf(store, current) : target
    setActive(index)
    scrollTo(box.current, index)
    const next = store.row(index)
    if (next !== undefined) onSelect(next.path, false)
  }
  const lines: number[] = []
  for (let index = first; index <= last; index++) lines.push(index)
  const isDrawn = current >= first && current <= last
  return (
    <div
      ref={box}
      class="tree"
      role="tree"
      aria-label="Values"
      tabIndex={0}
      aria-activedescendant={isDrawn ? `line-${current}` : undefined}
      onKeyDown={onKeyDown}
      onScroll={({ currentTarget }) =>
        setView({ top: currentTarget.scrollTop, height: currentTarget.clientHeight })
      }
    >
      <div class="lines" style={{ height: `${total * LINE}px` }}>
        {lines.map((index) => (
          <Line
            key={index}
            index={index}
            row={store.row(index)}
            isActive={index === current}
            isSelected={isSame(store.row(index), selected)}
            onPick={(row) => {
              setActive(index)
              onSelect(row.path, false)
              if (row.type === 'group') onToggle(row.path)
            }}
          />
        ))}
      </div>
    </div>
  )
}

interface LineProps {
  readonly index: number
  readonly row: RowView | undefined
  readonly isActive: boolean
  readonly isSelected: boolean
  readonly onPick: (row: RowView) => void
}

function Line({ index, row, isActive, isSelected, onPick }: LineProps) {
  const style = { top: `${index * LINE}px`, paddingInlineStart: `${10 + (row?.depth ?? 0) * INDENT}px` }
  const id = `line-${index}`
  if (row === undefined)
    return (
      <div
        id={id}
        role="treeitem"
        style={style}
        class="line"
        aria-level={1}
        aria-busy="true"
        aria-label="Loading"
      >
        <span class="loading" />
      </div>
    )
  const isGroup = row.type === 'group'
  return (
    <div
      id={id}
      role="treeitem"
      style={style}
      class={`line${isActive ? ' active' : ''}${row.hasIssue ? ' wrong' : ''}`}
      aria-level={row.depth + 1}
      aria-expanded={isGroup ? row.isOpen : undefined}
      aria-selected={isSelected}
      onClick={() => onPick(row)}
    >
      <span class="twist" aria-hidden="true">
        {isGroup ? (row.isOpen ? '▾' : '▸') : ''}
      </span>
      <span
        class="name"
        style={{ flexBasis: `calc(${NAMES * 100}% - ${row.depth * INDENT * (1 - NAMES)}px)` }}
      >
        {visibleLine(row.name)}
      </span>
      {isGroup ? <span class="quiet">{row.count}</span> : <Value row={row} />}
      {row.hasIssue && <span class="badge bad">invalid</span>}
      {!isGroup && <span class={`from ${row.from === 'default' ? 'quiet' : ''}`}>{fromText(row)}</span>}
    </div>
  )
}

function Value({ row }: { readonly row: RowView }) {
  if (row.valueKind === 'nothing') return <span class="value nothing">not set</span>
  if (row.valueKind === 'secret') return <span class="value secret">secret</span>
  return (
    <span class={`value ${row.valueKind}`}>
      {row.value === '' ? <span class="nothing">empty text</span> : visibleLine(row.value)}
    </span>
  )
}

function fromText({ from, overrides }: RowView): string {
  return overrides > 0 ? `${visibleLine(from)} over ${overrides}` : visibleLine(from)
}

function isSame(row: RowView | undefined, path: WirePath): boolean {
  return row !== undefined && keyOf(row.path) === keyOf(path)
}

type Target = number | 'toggle' | 'enter' | 'parent'

/** Where a key leads; undefined for keys that are none of the tree's. */
function targetOf(
  key: string,
  current: number,
  total: number,
  page: number,
  row: RowView | undefined,
): Target | undefined {
  const isGroup = row?.type === 'group'
  const within = (index: number) => Math.max(0, Math.min(total - 1, index))
  switch (key) {
    case 'ArrowDown':
      return within(current + 1)
    case 'ArrowUp':
      return within(current - 1)
    case 'PageDown':
      return within(current + page)
    case 'PageUp':
      return within(current - page)
    case 'Home':
      return 0
    case 'End':
      return within(total - 1)
    case 'ArrowRight':
      return isGroup && !row.isOpen ? 'toggle' : within(current + 1)
    case 'ArrowLeft':
      return isGroup && row.isOpen ? 'toggle' : 'parent'
    case 'Enter':
    case ' ':
      return isGroup ? 'toggle' : 'enter'
    default:
      return undefined
  }
}

/** The line of the group around a line, as far as lines are loaded. */
function parentOf(store: RowStore, index: number): number {
  const depth = store.row(index)?.depth ?? 0
  for (let at = index - 1; at >= 0; at--) {
    const row = store.row(at)
    if (row === undefined) return at + 1
    if (row.depth < depth) return at
  }
  return index
}

function scrollTo(box: HTMLDivElement | null, index: number): void {
  if (box === null) return
  const top = index * LINE
  if (top < box.scrollTop) box.scrollTop = top
  else if (top + LINE > box.scrollTop + box.clientHeight) box.scrollTop = top + LINE - box.clientHeight
}
