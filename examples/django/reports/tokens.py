"""Who may do what at the Acequia server, as tokens that it can check. They are short-lived, as none can be revoked."""

import time

import jwt
from django.conf import settings


def for_page(user):
    """A page watches the jobs of its user and hears the news; it submits nothing by itself."""
    return _mint(subject(user), 300, queues=[], subscribe=["news"])


def for_jobs_of(user):
    """This backend submits in the name of a user: whose the job is, may watch it."""
    return _mint(subject(user), 60, queues=["reports"], subscribe=[])


def for_news():
    """This backend tells all pages something."""
    return _mint("site", 60, queues=[], subscribe=[], publish=["news"])


def subject(user):
    return f"user-{user.pk}"


def _mint(sub, life_s, **acequia):
    claims = {"sub": sub, "exp": int(time.time()) + life_s, "acequia": acequia}
    return jwt.encode(claims, settings.ACEQUIA_JWT_SECRET, algorithm="HS256")
