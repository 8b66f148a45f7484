/** What "all to blue" is, in load balancers and in DNS. */
export const WEIGHTS = { blue: 100, green: 0 };
