import { FRAMEWORK_TABLE, type FrameworkName } from './frameworks.ts'
import type { Target } from './target-folder.ts'

/** What is printed when an app has been written. @param userAgent `npm_config_user_agent`, which names the package manager */
export function nextSteps({ name, shownFolder }: Target, framework: FrameworkName, userAgent = ''): string {
  const manager = /^(pnpm|yarn|bun)\//.exec(userAgent)?.[1] ?? 'npm'
  const exec = { npm: 'npx', pnpm: 'pnpm exec', yarn: 'yarn', bun: 'bunx' }[manager] ?? 'npx'
  const width = Math.max(manager.length + 8, exec.length + 37)
  const line = (command: string, what: string) => `  ${command.padEnd(width)}   ${what}`
  return [
    `Created ${name}, on ${FRAMEWORK_TABLE[framework].title}, in ${shownFolder === '.' ? 'this folder' : `${shownFolder}/`}. Next:`,
    '',
    ...(shownFolder === '.' ? [] : [`  cd ${shownFolder}`]),
    `  ${manager} install`,
    line(`${manager} run dev`, 'a store for development and the app, on http://localhost:3000'),
    '',
    'and in another terminal:',
    '',
    line(`${exec} livetree set greeting "Good morning"`, 'the next request is greeted so'),
    line(`${exec} livetree tree`, 'all values, and where each comes from'),
    line(`${manager} test`, 'the tests, without a store'),
    '',
  ].join('\n')
}
