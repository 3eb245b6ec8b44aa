"""The forecast of a release, as it was made last."""

from typing import Any

from django.http import HttpResponseBase
from django.shortcuts import get_object_or_404

from gatekeeper.accounts.requests import ApiRequest
from gatekeeper.common.api.shapes import DAY, NUMBER, SHARE, TEXT, an_object, listed, maybe, shape
from gatekeeper.common.api.views import ApiView, describe
from measures.models import Forecast
from measures.outlook import Outlook
from releases.models import Gate, Release
from releases.rules import TARGET

SAID = an_object({"gate": TEXT, "due_on": maybe(DAY), "p50_on": DAY, "p85_on": DAY, "source": TEXT, "samples": NUMBER})
FORECAST = shape(
    "Forecast",
    {
        "release": an_object({"product": TEXT, "version": TEXT}),
        "made_on": maybe(DAY),
        "target_on": maybe(DAY),
        "chance": maybe(SHARE),
        "p50_on": maybe(DAY),
        "p85_on": maybe(DAY),
        "gates": listed(SAID),
    },
)


class ReleaseForecastView(ApiView):
    tag = "releases"

    @describe("The forecast of a release", answers={200: FORECAST})
    def get(self, request: ApiRequest, product: str, version: str) -> HttpResponseBase:
        """P50 and P85 of each remaining gate and of the release (`target`), with what they were learned from.

        `chance` is the probability to make the target. Without a forecast (a draft, on hold, ended) there are no gates.
        """
        query = Release.objects.visible_to(request.user).select_related("product")
        release = get_object_or_404(query, product__slug=product, version=version)
        made = Forecast.objects.filter(release=release).first()
        outlook = Outlook.from_json(made.data) if made is not None else Outlook((), None)
        due: dict[str, Any] = dict(Gate.objects.filter(release=release).values_list("key", "due_on"))
        due[TARGET] = release.target_on
        return self.answer(
            {
                "release": {"product": release.product.slug, "version": release.version},
                "made_on": made.made_on if made is not None else None,
                "target_on": release.target_on,
                "chance": outlook.chance,
                "p50_on": release.p50_on,
                "p85_on": release.p85_on,
                "gates": [
                    {
                        "gate": said.gate,
                        "due_on": due.get(said.gate),
                        "p50_on": said.p50_on,
                        "p85_on": said.p85_on,
                        "source": said.source,
                        "samples": said.samples,
                    }
                    for said in outlook.said
                ],
            }
        )
