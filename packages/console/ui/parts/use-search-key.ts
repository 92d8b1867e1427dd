import { useKey } from './use-key.ts'

/** `/` leads to the search, unless a field has it. */
export function useSearchKey(field: { readonly current: HTMLInputElement | null }): void {
  const focus = () => {
    field.current?.focus()
    field.current?.select()
  }
  useKey('/', focus, [])
}
