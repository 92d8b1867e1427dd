/** The etcd whose behaviour this server shows, as it says in its status and on `/version`. */
export const etcdVersion = '3.5.30'
