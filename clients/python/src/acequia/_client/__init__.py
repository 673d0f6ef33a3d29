"""Inside the clients over HTTP.

What is asked, in which order, and what the answers mean stands in `flows`, without any IO. `client`
and `aio` carry it out, one by threads and one by coroutines.
"""
