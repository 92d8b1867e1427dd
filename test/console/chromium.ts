import { existsSync } from 'node:fs'
import { type Browser, chromium } from 'playwright-core'

const PLACES = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome']

/** The Chromium of this machine, or the one that `LIVETREE_CHROMIUM` names; undefined: there is none. */
export function chromiumPath(): string | undefined {
  return process.env['LIVETREE_CHROMIUM'] ?? PLACES.find((place) => existsSync(place))
}

/** Starts a browser that speaks to nobody but the pages that it is sent to. */
export function launchChromium(executablePath: string): Promise<Browser> {
  const args = [
    ...['--headless', '--no-sandbox', '--disable-gpu', '--disable-background-networking'],
    ...['--disable-component-update', '--disable-sync'],
  ]
  return chromium.launch({ executablePath, args, timeout: 60_000 })
}
