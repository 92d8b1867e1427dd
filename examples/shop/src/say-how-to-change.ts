import { root } from './shop-config.ts'

/** What to type into another terminal, for those who just started a shop. */
export function sayHowToChange(url: string, endpoints: readonly string[]): string {
  const put = `etcdctl --endpoints=${endpoints.join(',')} put ${root}/prod`
  return `
  The shop is open: ${url}/articles/1

  ${put}/pricing/currency USD
  ${put}/features/stock true
  ${put}/log/level debug
  ${put}/limits/max 5
  ${put}/cors/origins '["https://example.com"]'
  ${put}/db/pool/max 8
`
}
