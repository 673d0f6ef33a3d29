import acequia
from django import forms
from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse, JsonResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from . import tokens


class ReportForm(forms.Form):
    rows = forms.IntegerField(min_value=1, max_value=1000)
    # The page's own, new for each report: sent twice, it is one job.
    key = forms.UUIDField()


@require_GET
@login_required
def page(request):
    return render(request, "page.html", {"acequia": settings.ACEQUIA_PUBLIC})


@require_GET
@login_required
@never_cache
def token(request):
    """The page asks for one at each connection, and before the last one is over."""
    return HttpResponse(tokens.for_page(request.user), content_type="text/plain")


@require_POST
@login_required
def make(request):
    """Submits, and does not wait: the page watches the job by its id."""
    form = ReportForm(request.POST)
    if not form.is_valid():
        wrong = "; ".join(f"{field}: {' '.join(errors)}" for field, errors in form.errors.items())
        return JsonResponse({"error": wrong}, status=400)
    rows, key = form.cleaned_data["rows"], form.cleaned_data["key"]
    try:
        with acequia.Client(settings.ACEQUIA_SERVER, tokens.for_jobs_of(request.user), retry_s=5) as client:
            job = client.submit("reports", {"rows": rows}, key=str(key), attempts=3)
    except (acequia.Problem, acequia.Unreachable) as error:
        return JsonResponse({"error": str(error)}, status=503)
    return JsonResponse({"job": job.id}, status=202)


@require_POST
@login_required
def news(request):
    with acequia.Client(settings.ACEQUIA_SERVER, tokens.for_news(), retry_s=5) as client:
        pages = client.publish("news", {"from": request.user.get_username(), "text": request.POST.get("text", "")})
    return JsonResponse({"pages": pages})
