/** What an instance showed: the lines of its metrics, each with the value, by the name and the labels. */
export type Scraped = ReadonlyMap<string, string>

/** Reads the metrics of an instance, without the buckets of histograms, with the labels that a scrape adds. */
export async function scrape(url: string, instance: string): Promise<Scraped> {
  const text = await (await fetch(`${url}/metrics`)).text()
  const lines = text.split('\n').filter((line) => /^livetree_\w+(?<!_bucket)\{/.test(line))
  return new Map(
    lines.map((line) => {
      const [, series = '', value = ''] = /^(.*\}) (\S+)$/.exec(line) ?? []
      return [series.replace('{', `{job="shop",instance="${instance}",`), value]
    }),
  )
}

/** The value of one series that begins with this, or NaN. */
export function shownValue(scraped: Scraped, start: RegExp): number {
  const found = [...scraped].find(([series]) => start.test(series))
  return Number(found?.[1] ?? Number.NaN)
}

/**
 * The input of `promtool test rules`: instances showed what is in `before` for ten minutes, and then what is in `now` for 25. The
 * alerts that fire at the end are those of `expected`, as `Alert instance`.
 */
export function ruleTest(name: string, before: Scraped, now: Scraped, expected: readonly string[]): object {
  const series = new Set([...before.keys(), ...now.keys()])
  const valuesOf = (each: string) => {
    const first = before.get(each)
    const then = now.get(each)
    return `${first === undefined ? '_x9' : `${first}x9`} ${then === undefined ? '_x25' : `${then}x25`}`
  }
  const samples = expected.map((each) => {
    const [alertname, instance] = each.split(' ')
    return { labels: `{alertname="${alertname}", instance="${instance}"}`, value: 1 }
  })
  return {
    name,
    interval: '1m',
    input_series: [...series].map((each) => ({ series: each, values: valuesOf(each) })),
    promql_expr_test: [
      {
        expr: 'max by (alertname, instance) (ALERTS{alertstate="firing"})',
        eval_time: '34m',
        exp_samples: samples,
      },
    ],
  }
}
