/** The etcd whose behaviour this server shows, as it says in its status and on `/version`. */
export const ETCD_VERSION = '3.5.30'
