/** The service whose load is measured. All its instances are in one process, so that a busy machine slows all of them alike. */
export const EVEN_SERVICE = 'even'

/** How many instances it has. */
export const EVEN_INSTANCES = 5

/** The name of one of the others. */
export function serviceName(index: number): string {
  return `service-${index}`
}
