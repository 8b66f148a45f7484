/** The weights of a failback, in load balancers and DNS. */
export const WEIGHTS = { blue: 100, green: 0 };
