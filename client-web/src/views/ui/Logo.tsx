/** The mark of the product. Decorative: the name stands beside it or on the page. */
export function Logo({ size }: { size: number }) {
  return <img src="/favicon.svg" width={size} height={size} alt="" />;
}
