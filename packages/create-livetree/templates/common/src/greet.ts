import type { AppConfig } from './config.ts'

export function greet({ greeting, loud }: Pick<AppConfig, 'greeting' | 'loud'>, name: string): string {
  const text = `${greeting}, ${name}!`
  return loud ? text.toUpperCase() : text
}
