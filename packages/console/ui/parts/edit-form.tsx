import { useState } from 'preact/hooks'
import type { ErrorView, LayerView, PlanView, StepWire, ValueView } from '../../src/wire/index.ts'
import { errorView, post } from '../api.ts'
import type { ScreenProps } from '../screen-props.ts'
import { draftText, withStep } from '../draft.ts'
import { goTo } from '../places.ts'
import { visibleLine } from '../visible.ts'
import { Failure, Issues } from './failure.tsx'

interface EditFormProps extends ScreenProps {
  readonly value: ValueView
  readonly onDone: () => void
}

/** Changes one place in one layer. The schema judges it before it is part of the change. */
export function EditForm({ value, draft, setDraft, onDone }: EditFormProps) {
  const [layer, setLayer] = useState(() => layerAtFirst(value, draft))
  const [text, setText] = useState(() => textAtFirst(value, draft, layer))
  const [error, setError] = useState<ErrorView>()
  const [refused, setRefused] = useState<{ readonly step: StepWire; readonly plan: PlanView }>()
  const [isBusy, setBusy] = useState(false)
  const other = draft !== undefined && (!('steps' in draft) || draft.layer !== layer)
  const isHeld = value.held.some((held) => held.layer === layer)
  const take = (step: StepWire) => {
    setDraft(withStep(draft, layer, step))
    goTo('change')
  }
  const review = async (step: StepWire) => {
    setBusy(true)
    setError(undefined)
    setRefused(undefined)
    try {
      const plan = await post<PlanView>('plan', withStep(draft, layer, step))
      if (plan.issues.length === 0) return take(step)
      setRefused({ step, plan })
    } catch (reason) {
      setError(errorView(reason))
    } finally {
      setBusy(false)
    }
  }
  const onSubmit = (event: Event) => {
    event.preventDefault()
    void review({ path: value.path, text })
  }
  return (
    <form class="edit" onSubmit={onSubmit}>
      <label>
        Layer
        <select
          value={layer}
          onChange={({ currentTarget }) => {
            setLayer(currentTarget.value)
            setText(textAtFirst(value, draft, currentTarget.value))
          }}
        >
          {value.layers.toReversed().map(({ layer: prefix, name }) => (
            <option key={prefix} value={prefix}>
              {visibleLine(name)} ({visibleLine(prefix)})
            </option>
          ))}
        </select>
      </label>
      <TextField
        value={value}
        text={text}
        setText={setText}
        isWrong={error !== undefined || refused !== undefined}
      />
      {other && (
        <p class="quiet">The change that you have begun is of another layer: this begins a new one.</p>
      )}
      <div id="edit-issues" aria-live="polite">
        {error !== undefined && <Failure error={error} />}
        {refused !== undefined && (
          <div class="failure">
            <p>The schema refuses the tree as this would leave it:</p>
            <Issues issues={refused.plan.issues} />
            <button type="button" onClick={() => take(refused.step)}>
              Keep it, and correct the rest in the same change
            </button>
          </div>
        )}
      </div>
      <p class="buttons">
        <button type="submit" class="main" disabled={isBusy}>
          {isBusy ? 'Judging…' : 'Review change'}
        </button>
        {isHeld && (
          <button
            type="button"
            disabled={isBusy}
            onClick={() => void review({ path: value.path, remove: true })}
          >
            Remove from {visibleLine(nameOf(value.layers, layer))}
          </button>
        )}
        <button type="button" onClick={onDone}>
          Cancel
        </button>
      </p>
    </form>
  )
}

/** A field has the focus as soon as it is there. */
function focus(element: HTMLElement | null): void {
  element?.focus()
}

interface TextFieldProps {
  readonly value: ValueView
  readonly text: string
  readonly setText: (text: string) => void
  readonly isWrong: boolean
}

function TextField({ value, text, setText, isWrong }: TextFieldProps) {
  const common = { 'aria-invalid': isWrong, 'aria-describedby': 'edit-issues' }
  const { choices, isSecret, isGroup } = value
  if (choices.length > 0)
    return (
      <label>
        New value
        <select
          {...common}
          ref={focus}
          value={text}
          onChange={({ currentTarget }) => setText(currentTarget.value)}
        >
          {!choices.includes(text) && (
            <option value={text}>{text === '' ? 'choose…' : visibleLine(text)}</option>
          )}
          {choices.map((choice) => (
            <option key={choice} value={choice}>
              {visibleLine(choice)}
            </option>
          ))}
        </select>
      </label>
    )
  if (isSecret && !isGroup)
    return (
      <label>
        New value, which nobody will see
        <input
          {...common}
          ref={focus}
          type="password"
          autocomplete="off"
          value={text}
          onInput={({ currentTarget }) => setText(currentTarget.value)}
        />
      </label>
    )
  const isLong = isGroup || text.includes('\n') || text.length > 60 || /array|object|record/.test(value.takes)
  return (
    <label>
      New value{isGroup || isLong ? ', as YAML or JSON' : ''}
      <textarea
        {...common}
        ref={focus}
        rows={isLong ? Math.min(16, Math.max(4, text.split('\n').length + 1)) : 1}
        spellcheck={false}
        value={text}
        onInput={({ currentTarget }) => setText(currentTarget.value)}
        onKeyDown={(event) => {
          if (event.key !== 'Enter' || event.shiftKey || (isLong && !event.ctrlKey && !event.metaKey)) return
          event.preventDefault()
          event.currentTarget.form?.requestSubmit()
        }}
      />
    </label>
  )
}

/** The layer of the change that was begun, or the one that has the value, or the highest. */
function layerAtFirst({ layers, held }: ValueView, draft: EditFormProps['draft']): string {
  const begun = draft !== undefined && 'steps' in draft ? draft.layer : undefined
  if (begun !== undefined && layers.some(({ layer }) => layer === begun)) return begun
  return held.find(({ layer }) => layer !== '')?.layer ?? layers.at(-1)?.layer ?? ''
}

/** What the change has, or the layer, or what is in effect. Of a secret: nothing. */
function textAtFirst(value: ValueView, draft: EditFormProps['draft'], layer: string): string {
  if (value.isSecret) return ''
  const held = value.held.find((each) => each.layer === layer)?.text
  return draftText(draft, layer, value.path) ?? held ?? value.text ?? ''
}

function nameOf(layers: readonly LayerView[], layer: string): string {
  return layers.find((each) => each.layer === layer)?.name ?? layer
}
