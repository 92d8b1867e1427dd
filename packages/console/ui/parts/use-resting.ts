import { useEffect, useState } from 'preact/hooks'

/** How long typing has to rest before it counts, in milliseconds. */
const TYPING_MS = 150

/** What somebody types, once they rest. */
export function useResting(words: string): string {
  const [rested, setRested] = useState(words)
  useEffect(() => {
    const timer = setTimeout(() => setRested(words.trim()), TYPING_MS)
    return () => clearTimeout(timer)
  }, [words])
  return rested
}
