"""Keep the sums of each night by group, and read from them the bonus book and what a change did."""
