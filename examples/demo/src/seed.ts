import { fileURLToPath } from 'node:url'
import { run } from '@livetree/cli'

const fileOf = (path: string) => fileURLToPath(new URL(path, import.meta.url))

/** Writes the first values as an operator does: `livetree import seed.yaml`. @throws Error if that fails */
export async function seed(endpoint: string): Promise<void> {
  const { stdin, stdout, stderr, env } = process
  const args = ['import', fileOf('../config/seed.yaml'), '--overlay', 'base', '--message', 'seed', '--yes']
  const where = ['--config', fileOf('./shop-config.ts'), '--endpoints', endpoint]
  const exitCode = await run([...args, ...where], { stdin, stdout, stderr, env, cwd: process.cwd() })
  if (exitCode !== 0) throw new Error(`livetree import ended with ${exitCode}`)
}
