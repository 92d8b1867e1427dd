import { useEffect } from 'preact/hooks'

/**
 * Calls an action for a key that is pressed alone, unless a field has it.
 *
 * @param dependencies of the action, as of an effect
 */
export function useKey(key: string, action: () => void, dependencies: readonly unknown[]): void {
  useEffect(() => {
    const onKeyDown = (event: KeyboardEvent) => {
      const isTyping =
        event.target instanceof HTMLElement && /^(INPUT|TEXTAREA|SELECT)$/.test(event.target.tagName)
      if (event.key !== key || isTyping || event.ctrlKey || event.metaKey || event.altKey) return
      event.preventDefault()
      action()
    }
    addEventListener('keydown', onKeyDown)
    return () => removeEventListener('keydown', onKeyDown)
  }, dependencies)
}
